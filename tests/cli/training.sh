#!/bin/bash
# training.sh - what a training run says to people: a plan without an output, what became of the records, and at the end
# commands that work when they are pasted.
export LC_ALL=C
guerdon=$(cd "${top_builddir:-.}" && pwd)/guerdon
tests=$(cd "${srcdir:-.}" && pwd)/tests
PATH=$(dirname "$guerdon"):$PATH
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
failed=0
fail() { failed=1; echo "FAILED: $*"; sed 's/^/    /' says; }

cd "$work" || exit 99
model=$tests/data/golden/llama
cat >ranks.jsonl <<'END'
{"prompt":"Is tea hot? ","responses":["Yes.","No.","Now and then."],"ranks":[1,2,2]}
{"prompt":"Is ice hot? ","chosen":["No.","Not at all."],"rejected":["Yes."],"by":0.5}
{"prompt":"Is tea hot? ","chosen":"Yes.","rejected":"Yes."}
{"prompt":"Is tea hot? ","responses":["Yes.","Sure."],"ranks":[1,1]}
{"prompt":"Is tea hot? ","responses":["Yes.","No."]}
{"prompt":"Is tea hot? ","chosen":"Yes.","rejected":"No.","by":"2"}
{"prompt":"Is tea hot? ","chosen":"Yes, it is, and so it was yesterday, and the day before.","rejected":"No."}
END
printf '%s\n' '{"prompt":"Is tea wet? ","chosen":"Yes.","rejected":"No."}' >"held out's.jsonl"

# says COMMAND...: its output and its notices
says() { "$guerdon" "$@" >says 2>&1 || fail "$*: status $?"; }
has() { grep -qF -- "$1" says || fail "there is no \"$1\""; }

# a plan needs no output, and writes no file
set -- --model "$model" --train ranks.jsonl --margin-field by --max-length 16
says train "$@" --dry-run
cp says plan
has 'records         7, 2 used, 1 too long, 1 with equal texts, 1 with equal ranks, 2 that can'"'"'t be used'
has 'ranks.jsonl: 1 of 7 records left out: a text has more than max_length tokens'
has 'ranks.jsonl: 1 of 7 records left out: the texts are equal'
has 'ranks.jsonl: 1 of 7 records left out: the ranks are equal'
has "ranks.jsonl: 2 of 7 records can't be used; the first: line 5: "
has 'ranks.jsonl: 4 pairs in 2 records; accuracy to beat: chance 50 %, always the shorter text '
has 'in the first text, this is token 9 of 9, "." (id 13)'
says inspect "$@"
cmp <(grep -v '^memory' says) <(grep -v '^memory' plan) || fail 'inspect --train prints another plan than train --dry-run'
[ "$(ls)" = $'held out\'s.jsonl\nplan\nranks.jsonl\nsays' ] || fail "a plan wrote files: $(ls)"

# a run, its end, and what can be pasted
says train "$@" --eval "held out's.jsonl" --output "LO'RA" --epochs 3 --best eval_accuracy
has 'trained 3 steps in 0:0'
has 'held out: accuracy '
has "the best eval_accuracy, "
has "was at step 3; that adapter is in LO'RA/best"
sed -n '/^to score with it/,$s/^    //p' says >commands
[ "$(wc -l <commands)" -eq 3 ] || fail 'there are not three commands'
while IFS= read -r line; do
    eval "$line" >says 2>&1 </dev/null || fail "$line"
done <commands
[ -s "LO'RA-merged/config.json" ] || fail 'nothing was merged'

# once more: it is done
says train "$@" --eval "held out's.jsonl" --output "LO'RA" --epochs 3 --best eval_accuracy
has "continuing from LO'RA/checkpoint-3: 3 of 3 steps are done"
has 'the run was complete after 3 steps; in the last one, loss '

# two sets need names
"$guerdon" train "$@" --eval plan --eval says --dry-run >says 2>&1 && fail 'two sets without names are one'
has 'plan and says are both evaluated on; NAME=FILE gives each a name'
exit $failed
