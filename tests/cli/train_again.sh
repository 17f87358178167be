#!/bin/bash
# train_again.sh - a run is continued by whoever gives its command again, whatever the paths are called then; what it
# writes is that of a run without an interruption.
LC_ALL=C
export LC_ALL
guerdon=$(cd "${top_builddir:-.}" && pwd)/guerdon
data=$(cd "${srcdir:-.}" && pwd)/tests/data/golden
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 99
failed=0
fail() { failed=1; echo "FAILED: $*"; sed 's/^/    /' err | head -20; }
has() { grep -qF -e "$1" "$2" || fail "no '$1' in $2"; }

mkdir below model
cp "$data"/qwen2/* model
awk 'BEGIN { for (i = 0; i < 24; i++)
    print "{\"chosen\":\"Question " i "? yes\",\"rejected\":\"Question " i "? no, never\"}" }' >pairs.jsonl
head -5 pairs.jsonl >held.jsonl

# train STATUS FLAGS: a run of 6 steps, with that status
settings=(--batch-size 2 --grad-accum 2 --threads 1 --save-every 2)
train()
{
    local wanted=$1
    shift
    "$guerdon" train "${settings[@]}" "$@" >out 2>err </dev/null
    status=$?
    [ $status -eq "$wanted" ] || fail "train $*: status $status"
}

# interrupt WHOLE PART: the output that a run has after 4 of its 6 steps
interrupt()
{
    rm -rf "$2"
    cp -r "$1" "$2"
    rm -r "$2"/checkpoint-6 "$2"/adapter_* "$2"/README.md "$2"/report.html
}

# same A B: all that depends on the run alone
same()
{
    for file in adapter_model.safetensors adapter_config.json guerdon-adapter.json README.md log.jsonl; do
        cmp -s "$1/$file" "$2/$file" || fail "$file of $2 differs"
    done
}

# model, data and evaluations under other names
train 0 --model model --train pairs.jsonl --eval held.jsonl --output whole
ln -s model link
i=0
for names in 'model/ ./pairs.jsonl' './link below/../pairs.jsonl' "$work/model $work/pairs.jsonl"; do
    i=$((i + 1))
    interrupt whole part$i
    read -r model pairs <<<"$names"
    train 0 --model "$model" --train "$pairs" --eval ./held.jsonl --output part$i/
    has '4 of 6 steps are done' err
    same whole part$i
done
interrupt whole far
mkdir elsewhere
cp pairs.jsonl elsewhere/copy.jsonl
cd below || exit 99
"$guerdon" train "${settings[@]}" --model ../model --train ../elsewhere/copy.jsonl --eval ../held.jsonl --output ../far >../out 2>../err || fail 'not continued from another directory'
cd ..
same whole far
train 0 --model link/ --train elsewhere/copy.jsonl --eval held.jsonl --output whole --dry-run
has 'the run would continue from whole/checkpoint-6: 6 of 6 steps are done' out

# an adapter to begin with, too
train 0 --model model --train pairs.jsonl --output upon --init-adapter whole
interrupt upon more
train 0 --model model --train pairs.jsonl --output more --init-adapter ./whole/
same upon more

# without a checkpoint, the same names are known, and others are another run's
rm -r upon/checkpoint-* upon/adapter_*
train 0 --model link --train ./pairs.jsonl --output upon --init-adapter whole
has 'upon: the run has no checkpoint from which it could be continued; it begins anew' err
has '"train":["./pairs.jsonl"]' upon/log.jsonl
rm -r upon/checkpoint-* upon/adapter_*
train 2 --model model --train elsewhere/copy.jsonl --output upon --init-adapter whole
has 'upon/log.jsonl: train[0] is "./pairs.jsonl" there, but "elsewhere/copy.jsonl" here' err

# another model and other data, by whatever names
train 2 --model "$data/llama" --train pairs.jsonl --eval held.jsonl --output far
has 'far/checkpoint-6: base is "model" there, but ' err
sed 's/Question 7/Question 1/' pairs.jsonl >other.jsonl
train 2 --model model --train other.jsonl --eval held.jsonl --output far
has 'far/checkpoint-6: train[0] is "pairs.jsonl" there, but "other.jsonl" here' err
mv other.jsonl pairs.jsonl
train 2 --model model --train pairs.jsonl --eval held.jsonl --output far
has 'the data have changed: continue with those that the run began with, or choose another output' err
exit $failed
