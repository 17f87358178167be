#!/bin/sh
# crosscheck.sh - the command line of guerdon crosscheck: what is refused, its statuses, and what it writes.
LC_ALL=C
export LC_ALL
data=$(cd "${srcdir:-.}" && pwd)/tests/data/golden
guerdon=$(cd "${top_builddir:-.}" && pwd)/guerdon
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 99
failed=0
fail() { failed=1; echo "FAILED: $*"; }

# says STATUS SENTENCE ARGUMENTS: expects that status, and that text in the output or the errors
says()
{
    wanted=$1
    sentence=$2
    shift 2
    "$guerdon" crosscheck "$@" >out 2>errors </dev/null
    status=$?
    if [ "$status" -ne "$wanted" ] || ! cat out errors | grep -qF -e "$sentence"; then
        fail "crosscheck $*: status $status, no '$sentence' in: $(cat out errors)"
    fi
}

# has SENTENCE: the last output has it
has() { grep -qF -e "$1" out || fail "no '$1' in: $(cat out)"; }

# refuses SENTENCE ARGUMENTS: a wrong command line, which leaves no file
refuses()
{
    sentence=$1
    shift
    says 2 "$sentence" "$@"
    [ ! -s out ] || fail "crosscheck $*: prints $(cat out)"
    [ ! -e page.html ] && [ ! -e side.gdc ] || fail "crosscheck $*: leaves a file"
}

printf '%s\n' '{"chosen":"a b c d e f g","rejected":"a b c d e f h"}' '{"text":"one two three"}' >pairs.jsonl
cp pairs.jsonl before
cp -r "$data/llama" model
cp -r "$data/qwen2" other
run="--model model --input pairs.jsonl"

# ---- wrong command lines ----
refuses '--model is missing: --model DIR' --input pairs.jsonl
refuses 'crosscheck takes only flags, not pairs.jsonl; --input pairs.jsonl?' --model model pairs.jsonl
refuses 'crosscheck takes only flags, not b; ' --model model b
refuses "for several files, put a pattern in quotes: --input 'data/*.jsonl'" $run before
refuses '--report needs a file name: standard output is for the figures' $run --report -
refuses '--save needs a file name: standard output is for the figures' $run --save /dev/stdout
refuses '--texts=0: expected a whole number, at least 1' $run --texts 0
refuses '--left needs a value: --left BACKEND[:NUMERICS[:ISA[:PRECISION]]]' $run --left ''
refuses 'crosscheck has no flag --resume' $run --resume
refuses 'crosscheck has no flag --output' $run --output out.jsonl
for flag in '--against before' '--right cpu' '--right-model other' '--right-adapter other' '--report page.html'; do
    refuses "${flag%% *} has no effect with --save, which runs only the left side and compares nothing" \
        $run --save side.gdc $flag
done
refuses '--left has no effect with --against, whose file is the left side' $run --against before --left cpu

# ---- no output destroys what is read ----
for name in pairs.jsonl ./pairs.jsonl model/model.safetensors model/new; do
    refuses "$name: " $run --report $name
    refuses "$name: " $run --save $name
done
refuses 'before: ' $run --against before --report before
refuses 'other/model.safetensors: ' $run --right-model other --report other/model.safetensors
refuses 'other/new: ' $run --right-adapter other --report other/new
cmp -s pairs.jsonl before || fail 'an output has destroyed the input'
cmp -s model/model.safetensors "$data/llama/model.safetensors" || fail 'an output has destroyed the model'

# ---- what can't be read ----
says 3 'nowhere.jsonl' --model model --input nowhere.jsonl --report page.html
[ ! -e page.html ] || fail 'a failed run leaves a page'
says 3 'nowhere' --model nowhere --input pairs.jsonl
says 3 'nowhere' $run --right-model nowhere
says 3 'before' $run --against before
says 2 'rocm' $run --left rocm
says 2 'quick' $run --right cpu:quick

# ---- both sides ----
says 0 'cpu:exact:generic:bf16' $run --left cpu:exact:generic --right cpu:exact --report page.html
has 'with the same bits: 3'
grep -q '<h1>Equal: every bit is the same</h1>' page.html || fail "the page: $(head -c 4000 page.html)"
tail -n 1 out | grep -q '\.$' || fail "the last line is no sentence: $(tail -n 1 out)"
says 0 '"verdict":"equal"' $run --left cpu:exact:generic --right cpu:exact --json
[ ! -s errors ] || fail "crosscheck --json says $(cat errors)"
says 0 '"verdict":"within"' $run --json
has '"numerics":"tensor"'
says 0 '"texts":2' $run --texts 1 --json

# ---- one side after the other ----
rm -f page.html
says 0 'cpu:exact' $run --left cpu:exact --save side.gdc
[ -s side.gdc ] || fail '--save has written nothing'
says 0 'from a file' $run --against side.gdc --right cpu:exact:generic --report page.html
has 'with the same bits: 3'
grep -q 'from a file' page.html || fail 'the page does not say that a side was saved'
printf '{"text":"another text"}\n' >others.jsonl
says 3 'side.gdc' --model model --input others.jsonl --against side.gdc

# ---- from the environment, a flag is only a default ----
GUERDON_LEFT=cpu:tensor GUERDON_RIGHT=cpu:exact
export GUERDON_LEFT GUERDON_RIGHT
says 0 '"verdict":"equal"' $run --against side.gdc --json
says 0 '"verdict":"within"' $run --json
says 0 '"verdict":"saved"' $run --save side.gdc --json
has '"right":null'
exit $failed
