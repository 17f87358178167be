#!/bin/sh
# program.sh - the program on a pretended card: what it says of it, the scores, and a cross-check that finds a kernel's
# fault.
LC_ALL=C
export LC_ALL
data=$(cd "${srcdir:-.}" && pwd)/tests/data/golden
build=$(cd "${top_builddir:-.}" && pwd)
if ! grep -q '^#define HAVE_CUDA_KERNELS 1$' "$build/config.h"; then
    echo "SKIPPED: the library has no GPU kernels, since there was no nvcc to compile them"
    exit 77
fi
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 99
failed=0
fail() { failed=1; echo "FAILED: $*"; }

LD_LIBRARY_PATH=$build/tests/cuda/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
GD_STANDIN_PTX=$build/tests/cuda/compute_80
export LD_LIBRARY_PATH GD_STANDIN_PTX
guerdon=$build/guerdon

# says STATUS SENTENCE ARGUMENTS: expects that status, and that text in the output or the errors
says()
{
    wanted=$1
    sentence=$2
    shift 2
    "$guerdon" "$@" >out 2>errors </dev/null
    status=$?
    if [ "$status" -ne "$wanted" ] || ! cat out errors | grep -qF -e "$sentence"; then
        fail "$*: status $status, no '$sentence' in: $(cat out errors)"
    fi
}

printf '%s\n' '{"chosen":"a b c d e f g","rejected":"a b c d e f h"}' '{"text":"one two three"}' >pairs.jsonl
run="--model $data/qwen3 --adapter $data/qwen3-lora --input pairs.jsonl"

# ---- the card ----
says 0 '"gpus":[{"name":"Stand-in","isa":"sm_90","memory_bytes":2147483648,"driver":"CUDA 13.0","numerics":"tensor"}]' \
    backends --json
says 0 '"default":{"backend":"cuda","isa":"sm_90","precision":"bf16"}' backends --json
GD_STANDIN_CARD=none says 0 '"default":{"backend":"cpu"' backends --json
GD_STANDIN_FAIL=cuDeviceGetCount:1 says 3 'while it was asked what it is' score $run --backend cuda
GD_STANDIN_CARD=none says 3 'there is no NVIDIA GPU, or CUDA_VISIBLE_DEVICES hides it' score $run --backend cuda

# ---- the same scores as the CPU's ----
for numerics in tensor exact; do
    says 0 '' score $run --backend cpu --numerics $numerics --output cpu.jsonl
    says 0 '' score $run --backend cuda --numerics $numerics --output gpu.jsonl
    cmp cpu.jsonl gpu.jsonl || fail "$numerics: other scores on the card"
done
says 0 '' score $run --backend cpu --numerics tensor --output cpu.jsonl
says 0 '' score $run --output gpu.jsonl # auto takes the card, with its own arithmetic
cmp cpu.jsonl gpu.jsonl || fail "auto: other scores than --numerics tensor"
says 0 'backend         cuda' inspect --model "$data/qwen3"
says 0 'backend         cpu' inspect --model "$data/qwen3" --isa generic
says 0 'backend         cpu' inspect --model "$data/qwen3" --numerics tensor8
GD_STANDIN_CARD=86 says 0 'numerics        tensor8' inspect --model "$data/qwen3"
says 3 'have the arithmetic of numerics tensor, not of tensor8; use tensor, or exact' \
    score $run --backend cuda --numerics tensor8
GD_STANDIN_RULE=tensor8 says 3 'sums of its tensor cores are not those of numerics tensor; use exact' score $run
GD_STANDIN_RULE=tensor8 says 0 '' score $run --numerics exact
says 0 'products' bench --model "$data/qwen3" --backend cuda --only matmul --seconds 1

says 0 ', and that of reading the weights' score $run --dry-run
grep -q threads out && fail "threads of a GPU: $(grep threads out)"

# ---- a card with room for some texts at a time ----
many=0
while [ $many -lt 60 ]; do
    echo "{\"text\":\"$many is a number, and a small one at that\"}"
    many=$((many + 1))
done >many.jsonl
says 0 '' score --model "$data/qwen3" --input many.jsonl --backend cpu --numerics tensor --output cpu.jsonl
GD_STANDIN_MEMORY=5000000 says 0 '' score --model "$data/qwen3" --input many.jsonl --output gpu.jsonl
cmp cpu.jsonl gpu.jsonl || fail 'a divided batch has other scores'
for call in 3 20 27; do # weights that were not sent are sent again
    GD_STANDIN_FAIL=cuMemcpyHtoDAsync_v2:$call:2 says 0 '' score --model "$data/qwen3" --input many.jsonl --output gpu.jsonl
    cmp cpu.jsonl gpu.jsonl || fail "other scores after copy $call had no memory"
done

# ---- cross-check ----
says 0 'Equal: every step gave the same bits on both sides.' crosscheck $run --left cpu:tensor --right cuda:tensor
says 0 'Equal: every step gave the same bits on both sides.' crosscheck $run --left cpu:exact --right cuda:exact
says 0 'The sides differ by no more than rounding explains' crosscheck $run --left cuda:exact --right cuda:tensor
says 0 'Equal: every step gave the same bits on both sides.' crosscheck $run --left cuda::sm_90
grep -q '^right  *cpu' out || fail "the other side of a GPU with its name is $(grep '^right' out)"
for precision in bf16 fp32; do # the CPU is the other side, with the same bits, where none is named
    says 0 'Equal: every step gave the same bits on both sides.' crosscheck $run --precision $precision
    grep -q '^right  *cpu' out || fail "the other side of a GPU is $(grep '^right' out)"
done
mkdir wrong
cp "$GD_STANDIN_PTX"/*.ptx wrong
awk '/entry/ { rope = /gd_rope/ } rope { sub(/neg\.(ftz\.)?f32/, "abs.ftz.f32") } { print }' \
    "$GD_STANDIN_PTX/rows.ptx" >wrong/rows.ptx
cmp -s wrong/rows.ptx "$GD_STANDIN_PTX/rows.ptx" && fail 'no fault was planted'
GD_STANDIN_PTX=$work/wrong says 1 'rope' crosscheck $run --left cpu:tensor --right cuda:tensor
grep -q 'layer 0' out || fail "the fault is not found in layer 0: $(cat out)"

exit $failed
