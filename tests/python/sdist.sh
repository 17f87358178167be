#!/bin/sh
# sdist.sh - makes a source distribution, and builds the package from it, far from the tree: with the C sources that it
# contains, and without autoconf.  Its scores are those of this build, although it is compiled without optimisation.
. "${srcdir:-.}/tests/python/common.sh"
[ -z "${SANITIZER_FLAGS-}" ] || skip "the build of a source distribution knows no sanitizers"
command -v autoreconf >/dev/null || skip "no autoreconf"

copy_tree "$work/tree"
mkdir "$work/dist"
(cd "$work/tree/python" && "$python" -c "from setuptools import build_meta; build_meta.build_sdist('$work/dist')") \
    >"$work/log" 2>&1 || { cat "$work/log"; fail "the source distribution isn't made"; }
rm -rf "$work/tree"
sdist=$(echo "$work"/dist/guerdon-*.tar.gz)
tar tzf "$sdist" | sed 's,^[^/]*/,,' >"$work/list"
for file in LICENSE csrc/configure csrc/src/include/guerdon.h csrc/backends/backend.h guerdon/py.typed setup.py; do
    grep -qx "$file" "$work/list" || fail "the source distribution lacks $file"
done
grep '\.l\{0,1\}o$\|\.a$\|\.so$\|__pycache__\|^csrc/build/' "$work/list" &&
    fail "the source distribution has what was built"

# no program of autoconf's may be needed
mkdir "$work/bin"
for name in autoreconf autoconf automake aclocal autoheader libtoolize; do
    printf '#!/bin/sh\necho "%s was called"\nexit 1\n' $name >"$work/bin/$name"
done
chmod +x "$work"/bin/*
PATH=$work/bin:$PATH CFLAGS=-O0 GUERDON_CONFIGURE=--without-cuda "$python" -m pip install -q --no-build-isolation \
    --no-deps --target "$work/site" "$sdist" >"$work/log" 2>&1 ||
    { cat "$work/log"; fail "pip install of the source distribution"; }
model=$srcdir/tests/data/golden/qwen2
"$build/guerdon" score --quiet --model "$model" 'Is tea hot?' a | sed 's/.*"score":\([^,]*\),.*/\1/' >"$work/want"
PYTHONPATH=$work/site "$python" -c "
from guerdon import Model
for score in Model('$model').score(['Is tea hot?', 'a']):
    print(f'{score:.9g}')" >"$work/found" || fail "the package doesn't work"
diff "$work/want" "$work/found" || fail "the program (<) and the package (>) disagree"
