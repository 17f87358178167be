#!/bin/sh
# gpu.sh - bench/gpu/run on a pretended card: each part has its results, wrong kernels are found, and what is missing is
# said.
LC_ALL=C
export LC_ALL
srcdir=$(cd "${srcdir:-.}" && pwd)
build=$(cd "${top_builddir:-.}" && pwd)
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 99
failed=0
fail() { failed=1; echo "FAILED: $*"; }

sh "$srcdir/bench/gpu/bundle" "$build" "$work/folder" || exit 99
unset PYTHONPATH
LD_LIBRARY_PATH=$build/tests/cuda/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
GD_STANDIN_PTX=$build/tests/cuda/compute_80
GD_CUBLASLT=$build/tests/bench/.libs/libcublaslt-standin.so
export LD_LIBRARY_PATH GD_STANDIN_PTX GD_CUBLASLT

# Programs that a machine may have, as they say what they were asked.
mkdir bin
cat >bin/compute-sanitizer <<'END'
#!/bin/sh
echo "========= $*"
case $* in *"--tool $FAULTY "*) exit 9 ;; esac
END
cat >bin/python <<'END'
#!/bin/sh
[ "$1" = -c ] && exit
[ "$2 $3" = '--device cuda' ] || { echo 'no device' >&2; exit 1; }
printf '{"version": "5.0", "torch": "2.9", "batch": 8, "tokens_per_s": 1234.5, "pairs_per_s": 6.25}\n'
END
chmod +x bin/*
PATH=$work/bin:$PATH
PYTHON=$work/bin/python
FAULTY=none
export PATH PYTHON FAULTY

# says STATUS ARGUMENTS: runs it, and expects that status
says()
{
    wanted=$1
    shift
    sh "$srcdir/bench/gpu/run" --small "$@" "$work/folder" results >out 2>&1
    status=$?
    [ $status -eq "$wanted" ] || fail "$*: status $status, not $wanted: $(cat out)"
}
has() { grep -q -e "$1" results || fail "no $1 in: $(cat results)"; }

# ---- everything ----
says 0
for part in machine card 'tensor cores' fp32 kernels golden peak rates attention scoring sanitizer transformers run; do
    has "^{\"figure\":[-0-9.e+nul]*,\"part\":\"$part\",\"name\":\"[^\"]*\",\"unit\":\"[^\"]*\",\"text\":\".*\"}\$"
done
grep -v '^{"figure":.*,"part":".*,"name":".*,"unit":".*,"text":".*"}$' results && fail 'other lines among the results'
"$build/bench_gpu" kernels list >kernels
[ -s kernels ] || fail 'there are no kernels'
while read -r kernel; do
    has "^{\"figure\":0,\"part\":\"kernels\",\"name\":\"$kernel\",.*\"of [1-9][0-9]* numbers"
done <kernels
grep '"unit":"differences"' results | grep -v '^{"figure":0,' && fail 'there are differences'
has '^{"figure":16,.*"name":"products of a step"'
has '^{"figure":null,.*"name":"wgmma",.*no kernel gd_wgmma_steps' # which the interpreter doesn't know
has '^{"figure":-133,.*"name":"floor of the exponent"'
has '"name":"cuBLASLt, small down, 40 rows","unit":"TFLOP/s","text":"the best of 3 algorithms"'
has '"name":"tensor, small gate and up, 40 rows","unit":"TFLOP/s","text":"[0-9.e+-]* of cuBLASLt"'
has '"name":"exact, small shape, shared","unit":"tokens/s","text":"[0-9.]* pairs/s, weights resident'
has '"name":"racecheck, exact","unit":"differences"'
has '^{"figure":1234.5,.*"name":"batch 8",.*"6.25 pairs/s; Transformers 5.0, torch 2.9"'

# ---- a card of another rule ----
GD_STANDIN_CARD=86 says 0 --only steps,kernels
has '^{"figure":8,.*"name":"products of a step"'
GD_STANDIN_RULE=tensor8 says 1 --only steps,kernels # not what its capability says
has '^{"figure":[1-9].*"name":"ordinary steps",.*is expected'
has '^{"figure":[1-9].*"name":"gd_linear_tensor_64x64"'
has '^{"figure":0,.*"name":"gd_linear_exact_32x64"'

# ---- wrong kernels, and cards that fail ----
mkdir wrong
cp "$GD_STANDIN_PTX"/*.ptx wrong
awk '/entry/ { rope = /gd_rope/ } rope { sub(/neg\.(ftz\.)?f32/, "abs.ftz.f32") } { print }' \
    "$GD_STANDIN_PTX/rows.ptx" >wrong/rows.ptx
cmp -s wrong/rows.ptx "$GD_STANDIN_PTX/rows.ptx" && fail 'no fault was planted'
GD_STANDIN_PTX=$work/wrong says 1 --only kernels,golden
has '^{"figure":[1-9][0-9]*,.*"name":"gd_rope",.*the first in case'
has '^{"figure":0,.*"name":"gd_add"'
has '^{"figure":1,"part":"golden","name":"qwen3 exact",.*rope'
awk '/entry/ { root = /probe_sqrt/ } root { sub(/sqrt.rn.ftz.f32/, "abs.ftz.f32") } { print }' \
    "$GD_STANDIN_PTX/probe.ptx" >wrong/probe.ptx
GD_STANDIN_PTX=$work/wrong says 0 --only math # a question, not a fault of ours
has '^{"figure":[1-9][0-9]*,"part":"fp32","name":"sqrt",.*is expected'
GD_STANDIN_FAIL=cuLaunchKernel:1 says 1 --only kernels,peak
has '^{"figure":null,"part":"kernels","name":"gd_add",.*the GPU failed while gd_add'
has '^{"figure":null,"part":"peak",.*the GPU failed'
FAULTY=racecheck says 1 --only sanitizer
has '^{"figure":1,"part":"sanitizer","name":"racecheck, tensor"'
has '^{"figure":0,"part":"sanitizer","name":"memcheck, tensor"'

# ---- what is missing ----
rm -rf empty && mkdir empty && mv folder/guerdon empty
printf '#!/bin/sh\n[ "$1" = --version ]\n' >folder/guerdon && chmod +x folder/guerdon
says 1 --only golden
has '^{"figure":null,"part":"golden","name":"golden models",.*none was run'
mv empty/guerdon folder
GD_STANDIN_CARD=none says 2
has '^{"figure":null,"part":"card",.*there is no NVIDIA GPU'
GD_STANDIN_VERSION=12080 says 2
has 'for CUDA 12.8, but 13.0'
for program in bench_gpu guerdon; do # a library that is in the folder alone
    sed -i 's/libyaml-0[.]so/libyaml-9.so/g' folder/$program
done
cp folder/lib/libyaml-0.so.* folder/lib/libyaml-9.so.2
says 0 --only kernels,golden
rm folder/lib/libyaml*
says 2
grep -q 'do not start: .*libyaml-9' out || fail "it starts: $(cat out)"
cp "$build/bench_gpu" "$build/guerdon" folder
sed -i 1s/tensor/other/ folder/expected-tensor
says 1 --only kernels
has 'expected-tensor: it begins with .*other'
exit $failed
