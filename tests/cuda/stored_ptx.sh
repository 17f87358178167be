#!/bin/sh
# stored_ptx.sh - the stored PTX, which is tested where there is no nvcc, is what nvcc makes of the kernels now.
LC_ALL=C
export LC_ALL
build=${top_builddir:-.}
stored=${srcdir:-.}/tests/data/ptx/kernels.tar.zst
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
skip() { echo "SKIPPED: $*"; exit 77; }

grep -q '^#define HAVE_CUDA_KERNELS 1$' "$build/config.h" || skip "there is no nvcc with whose PTX the stored one could be compared"
zstd -q -dc "$stored" | (cd "$work" && tar -xof -) || exit 1

# what compiled it
version() { sed -n 's/^.*Cuda compilation tools, release .*, V//p' "$1"; }

# without comments, and without the sum of the build's path that is in some names
code() { sed -e '/^[[:space:]]*\/\//d' -e 's/_INTERNAL_[0-9a-f]*_/_INTERNAL_0_/g' "$1"; }

failed=0
for kernel in "${srcdir:-.}"/backends/cuda/kernels/*.cu; do
    for family in compute_80 compute_120; do
        name=$family/$(basename "$kernel" .cu).ptx
        now=$build/tests/cuda/$name
        if [ -f "$work/$name" ] && [ "$(version "$work/$name")" != "$(version "$now")" ]; then
            skip "the stored PTX is of nvcc $(version "$work/$name"), and this one is nvcc $(version "$now")"
        fi
        code "$now" >"$work/now"
        if [ ! -f "$work/$name" ]; then
            echo "FAILED: $stored has no $name"
            failed=1
        elif ! code "$work/$name" | cmp -s - "$work/now"; then
            echo "FAILED: $name of $stored is not what nvcc makes of $kernel"
            code "$work/$name" | diff - "$work/now" | head -n 6
            failed=1
        fi
    done
done
[ $failed = 0 ] || echo "\"make store-ptx\" in the build's folder stores what is compiled now; commit it with the kernels."
exit $failed
