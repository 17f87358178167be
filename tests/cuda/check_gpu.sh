#!/bin/sh
# check_gpu.sh - the golden models on a real card: every step of every model has the cpu backend's bits.  make check-gpu
# and bench/gpu/run run it; without a card it is skipped.  GOLDEN names some of the models, and TEXTS how many of each
# one's texts are taken.
LC_ALL=C
export LC_ALL
data=$(cd "${srcdir:-.}" && pwd)/tests/data/golden
guerdon=$(cd "${top_builddir:-.}" && pwd)/guerdon
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
failed=0

if ! "$guerdon" backends --json >"$work/card"; then exit 99; fi
case $(cat "$work/card") in
*'"gpus":[]'*)
    echo "SKIPPED: no GPU that can be used; guerdon backends says why"
    exit 77
    ;;
*'"numerics":"tensor8"'*) tensor=tensor8 ;;
*) tensor=tensor ;;
esac
grep -o '"gpus":\[[^]]*\]' "$work/card"

# check MODEL [--adapter DIR]: the texts that came with the model's reference scores
check()
{
    model=$1
    shift
    head -n "${TEXTS:-1000}" "$data/$model/expected.jsonl" >"$work/texts.jsonl" || exit 99
    for numerics in exact $tensor; do
        if "$guerdon" crosscheck --model "$data/$model" --input "$work/texts.jsonl" --fields text=text \
            --left "cpu:$numerics" --right "cuda:$numerics" "$@" >"$work/out" 2>&1 &&
            grep -q '^Equal: every step gave the same bits' "$work/out"; then
            echo "equal: $model $numerics${1:+ with its adapter}"
        else
            echo "FAILED: $model $numerics${1:+ with its adapter}"
            tr '\n' ' ' <"$work/out" && echo
            failed=1
        fi
    done
}

for model in ${GOLDEN:-qwen2 qwen2-tied qwen3 llama mistral gemma2 blocks denormals}; do
    check "$model"
    check "$model" --adapter "$data/$model-lora"
done
exit $failed
