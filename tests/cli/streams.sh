#!/bin/sh
# streams.sh - closed standard streams: nothing that belongs there ends up in a file that the program opens, and what
# has to be read or written there is an error.
LC_ALL=C
export LC_ALL
guerdon=${top_builddir:-.}/guerdon
model=${srcdir:-.}/tests/data/golden/qwen2
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
failed=0
fail() { failed=1; echo "FAILED: $*"; }

show() { sed 's/^/    /' "$1"; }
printf '{"text":"a"}\n{"text":1}\n{"text":"b"}\n' >"$work/bad.jsonl"
printf '{"chosen":"a","rejected":"b"}\n' >"$work/pairs.jsonl"

# the bad line's message goes nowhere, not into an output
"$guerdon" filter --model "$model" --input "$work/bad.jsonl" --min-score -99 --output "$work/kept" \
    --rejects "$work/rejected" <&- 2>&-
[ $? -eq 1 ] || fail "filter without standard input and errors: status $?"
printf '{"text":"a"}\n{"text":"b"}\n' | cmp -s - "$work/kept" || { fail "filter's output is"; show "$work/kept"; }
printf '{"text":1}\n' | cmp -s - "$work/rejected" || { fail "filter's rejects are"; show "$work/rejected"; }

# the figures belong on standard output, which can't be written
"$guerdon" eval --model "$model" --input "$work/pairs.jsonl" --report "$work/page" >&- 2>"$work/errors"
[ $? -eq 3 ] || fail "eval without standard output: status $?"
[ ! -e "$work/page" ] || head -c 15 "$work/page" | grep -qi '^<!doctype html>' || fail "eval's page is not one"
grep -q 'standard output' "$work/errors" || fail "eval says $(cat "$work/errors")"

for streams in '>&-' '>&- 2>&-' '<&- >&- 2>&-'; do
    eval "\"$guerdon\" score --model \"$model\" --quiet hello $streams"
    [ $? -eq 3 ] || fail "score with $streams: status $?"
done
"$guerdon" score --model "$model" --quiet --input - <&- >"$work/out" 2>"$work/errors"
[ $? -eq 3 ] || fail "score without the standard input that it reads: status $?"
grep -q 'standard input' "$work/errors" || fail "score says $(cat "$work/errors")"
# standard output by its other name: what the file has stays, and no journal appears in /dev
echo first >"$work/out"
"$guerdon" score --model "$model" --quiet --output /dev/stdout hello >>"$work/out" || fail "/dev/stdout: status $?"
[ "$(wc -l <"$work/out")" -eq 2 ] || { fail "what precedes /dev/stdout is lost"; show "$work/out"; }
"$guerdon" score --model "$model" --quiet --resume --input "$work/bad.jsonl" --output /dev/stdout >"$work/out" 2>"$work/errors"
[ $? -eq 2 ] || fail "--resume with /dev/stdout: status $?"
grep -q 'standard output cannot be resumed' "$work/errors" || fail "/dev/stdout with --resume says $(cat "$work/errors")"

# a complete output is left as it is, and the user is told
for what in score 'filter --min-margin -99'; do
    rm -f "$work/whole"
    for n in 1 2; do
        "$guerdon" $what --model "$model" --input "$work/pairs.jsonl" --output "$work/whole" --resume 2>"$work/errors" ||
            fail "$what --resume: status $?"
    done
    grep -q '/whole is already complete; nothing to do (.*whether .*have changed is unknown; to start afresh, remove it)' "$work/errors" || fail "$what --resume says $(cat "$work/errors")"
done

# scores from standard input, and lines to standard output, are not one file
"$guerdon" score --model "$model" --quiet --input "$work/pairs.jsonl" |
    "$guerdon" filter --from-scores - --quiet --input "$work/pairs.jsonl" --min-margin -99 >"$work/out" ||
    fail "scores from standard input: status $?"
cmp -s "$work/pairs.jsonl" "$work/out" || { fail "scores from standard input:"; show "$work/out"; }

# the name of an output says what it is: lines of JSON, or for filter those of its input
refused() # NAME COMMAND...: the name is refused, and no such file is made
{
    name=$1
    shift
    "$guerdon" "$@" --quiet 2>"$work/errors"
    [ $? -eq 2 ] || fail "$* with $name: status not 2"
    grep -q "/$name: by its name the file is " "$work/errors" || fail "$* with $name says $(cat "$work/errors")"
    [ ! -e "$work/$name" ] && [ ! -e "$work/$name.resume" ] || fail "$* makes $name"
}
from="--model $model --input $work/pairs.jsonl"
printf 'chosen,rejected\na,b\n' >"$work/pairs.csv"
refused a.csv score $from --output "$work/a.csv"
refused a.parquet tokenize $from --output "$work/a.parquet"
refused a.bz2 rank $from --output "$work/a.bz2"
refused a.tsv rank $from --output "$work/a" --pairs all --pairs-output "$work/a.tsv"
refused a.csv filter $from --min-score 0 --output "$work/a.csv"
refused a.csv filter $from --min-score 0 --output "$work/a" --rejects "$work/a.csv"
refused a.jsonl filter --model "$model" --input "$work/pairs.csv" --min-score 0 --output "$work/a.jsonl"
refused a.csv eval $from --scores "$work/a.csv"
"$guerdon" filter --model "$model" --input "$work/pairs.csv" --quiet --min-score -99 --output "$work/a.csv" ||
    fail "filter from CSV to CSV: status $?"
cmp -s "$work/pairs.csv" "$work/a.csv" || { fail "filter from CSV to CSV:"; show "$work/a.csv"; }
exit $failed
