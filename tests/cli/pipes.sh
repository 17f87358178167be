#!/bin/sh
# pipes.sh - a pipe that stays open: whoever writes items into it gets their lines before writing more.
LC_ALL=C
GUERDON_MODEL=${srcdir:-.}/tests/data/golden/qwen2
GUERDON_QUIET=1
export LC_ALL GUERDON_MODEL GUERDON_QUIET
guerdon=${top_builddir:-.}/guerdon
work=$(mktemp -d) || exit 99
child=
trap 'rm -rf "$work"; [ -z "$child" ] || kill "$child" 2>/dev/null' EXIT
fail() { echo "FAILED: $*"; exit 1; } # at once: each line that doesn't come takes half a minute

# waits for the program, and returns its status
ended()
{
    wait "$child"
    set -- $?
    child=
    return "$1"
}

# wait_for COMMAND...: until it succeeds; fails after 30 seconds
wait_for()
{
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || return 1
        sleep 0.05
    done
}

has_lines() { [ "$(wc -l <"$work/out")" -eq "$1" ]; }

# start ARGUMENTS: the program reads the pipe $work/in, which stays open on descriptor 3
start()
{
    rm -f "$work/in" "$work/out"
    mkfifo "$work/in"
    : >"$work/out"
    "$guerdon" "$@" <"$work/in" >"$work/out" 2>"$work/errors" &
    child=$!
    exec 3>"$work/in"
}

# answers PACKER LINE ARGUMENTS: expects a line of output after each of two of input, while the pipe stays open
answers()
{
    packer=$1
    line=$2
    shift 2
    start "$@"
    for count in 1 2; do
        printf '%s\n' "$line" | $packer >&3
        wait_for has_lines "$count" || fail "$* after $packer: no line $count: $(cat "$work/errors")"
    done
    exec 3>&-
    ended || fail "$* after $packer: status $?"
    has_lines 2 || fail "$* after $packer: $(cat "$work/out")"
}

text='{"text":"a"}'
pair='{"chosen":"good","rejected":"bad"}'
list='{"prompt":"p","responses":["a","b"]}'
answers cat "$text" score
answers cat "$text" tokenize
answers cat "$pair" filter --min-margin -99
answers cat "$list" rank
answers cat "a line" score --format text
answers cat "$text" score --batch-tokens 100000
answers 'gzip -c' "$text" score
answers 'gzip -c' "$text" tokenize
answers 'sed -u s/b/c/' "$pair" score
if command -v zstd >/dev/null; then
    answers 'zstd -qc' "$text" score
else
    echo 'skipped: zstd: the program is missing'
fi

# a row of a table, and an element of an array, which ends where its comma is
start score --format csv
printf 'text\none\n' >&3
wait_for has_lines 1 || fail 'a row of CSV gets no line'
exec 3>&-
ended || fail "CSV: status $?"
start score --format json
printf '[{"text":"one"},' >&3
wait_for has_lines 1 || fail 'an element of an array gets no line'
printf '{"text":"two"}]' >&3
exec 3>&-
ended || fail "an array: status $?"
has_lines 2 || fail "an array: $(cat "$work/out")"

# what comes before a pipe without a writer doesn't wait for it
printf '%s\n' "$text" >"$work/a.jsonl"
mkfifo "$work/b.jsonl"
: >"$work/out"
"$guerdon" score --input "$work/{a,b}.jsonl" >"$work/out" &
child=$!
wait_for has_lines 1 || fail 'the first of two inputs gets no line'
printf '%s\n' "$text" >"$work/b.jsonl"
ended || fail "two inputs: status $?"
has_lines 2 || fail "two inputs: $(cat "$work/out")"

# scores that are there: each line of the pipe, be it the scores or the items, makes one of output
printf '%s\n' "$pair" "$pair" >"$work/pairs.jsonl"
printf '%s\n' "$list" "$list" >"$work/lists.jsonl"
pair_scores=',"chosen":1,"rejected":0,"margin":1,"tokens":[1,1]}'
list_scores=',"scores":[1,0],"tokens":[1,1]}'
printf '{"index":%d%s\n' 0 "$pair_scores" 1 "$pair_scores" >"$work/pairs.scores"
for command in "filter --min-margin 0 --input $work/pairs.jsonl" "rank --input $work/lists.jsonl"; do
    [ "${command%% *}" = rank ] && scores=$list_scores || scores=$pair_scores
    start $command --from-scores -
    for count in 0 1; do
        printf '{"index":%d%s\n' "$count" "$scores" >&3
        wait_for has_lines $((count + 1)) || fail "$command: no line $count of scores in a pipe"
    done
    exec 3>&-
    ended || fail "$command: status $? with scores in a pipe"
    start $command --from-scores -
    sleep 0.5
    kill -TERM "$child"
    wait_for sh -c "! kill -0 $child 2>/dev/null" || fail "$command: SIGTERM before the first scores does nothing"
    ended
    [ $? -eq 130 ] || fail "$command: SIGTERM before the first scores: not status 130"
    exec 3>&-
done
answers cat "$pair" filter --min-margin 0 --from-scores "$work/pairs.scores"

# scores of another input are seen too late for what is on standard output, and the message says so
printf '%s\n' "$pair" | cat "$work/pairs.jsonl" - >"$work/three.jsonl"
start filter --min-margin 0 --input "$work/three.jsonl" --from-scores -
cat "$work/pairs.scores" >&3
wait_for has_lines 2 || fail 'no lines before the scores end'
exec 3>&-
ended
[ $? -eq 3 ] || fail 'scores that end early: not status 3'
grep -q 'no line of item 2 .*; the lines that were already written are wrong, too$' "$work/errors" ||
    fail "scores that end early: $(cat "$work/errors")"

# the scores are those of a file, and so is the order
awk 'BEGIN { for (i = 0; i < 300; i++) print "{\"text\":\"" i * 7919 % 97 " of " i "\"}" }' >"$work/many.jsonl"
"$guerdon" score --input "$work/many.jsonl" >"$work/want"
while read -r line; do
    printf '%s\n' "$line"
done <"$work/many.jsonl" | "$guerdon" score | cmp -s - "$work/want" || fail 'a pipe has other scores than a file'

# a run that waits for input can be interrupted, and keeps its lines
start score
printf '%s\n' "$text" >&3
wait_for has_lines 1 || fail 'no line before the signal'
kill -TERM "$child"
ended
[ $? -eq 130 ] || fail "SIGTERM while waiting: not status 130"
exec 3>&-
has_lines 1 || fail "after a signal: $(cat "$work/out")"

# also before the first item, or within it
for begun in '' '{"te'; do
    start score
    printf '%s' "$begun" >&3
    sleep 0.5
    kill -TERM "$child"
    wait_for sh -c "! kill -0 $child 2>/dev/null" || fail "SIGTERM after '$begun' does nothing"
    ended
    [ $? -eq 130 ] || fail "SIGTERM after '$begun': not status 130"
    exec 3>&-
done

# another run on the same output, which the first one still writes: refused, and the first one isn't disturbed
start score --input - --output "$work/both"
printf '%s\n' "$text" >&3
wait_for test -s "$work/both" || fail 'no line in a file before the end of the pipe'
printf '%s\n' "$text" | "$guerdon" score --input - --output "$work/both" --resume 2>"$work/errors"
[ $? -eq 3 ] || fail 'a second run on one output: not status 3'
grep -q 'another run is writing' "$work/errors" || fail "a second run on one output says $(cat "$work/errors")"
printf '%s\n' "$text" >&3
exec 3>&-
ended || fail "a run with a second one on its output: status $?"
[ "$(wc -l <"$work/both")" -eq 2 ] || fail "two runs on one output: $(cat "$work/both")"
[ ! -e "$work/both.resume" ] || fail 'two runs on one output leave a journal'

# runs that begin at the same moment: each is done or refused, and the last one to be done leaves a whole output
for round in 1 2 3 4 5; do
    rm -f "$work"/same* "$work"/says*
    for n in 1 2 3 4 5 6; do
        ("$guerdon" score --input "$work/many.jsonl" --output "$work/same" 2>"$work/says$n"; echo $? >"$work/status$n") &
    done
    wait
    for n in 1 2 3 4 5 6; do
        status=$(cat "$work/status$n")
        [ "$status" -eq 0 ] || { [ "$status" -eq 3 ] && grep -q 'another run is writing' "$work/says$n"; } ||
            fail "one of six runs on one output: status $status, $(cat "$work/says$n")"
    done
    cmp -s "$work/same" "$work/want" || fail 'six runs on one output: it is not that of one run'
    [ "$(ls "$work" | grep -c '^same')" -eq 1 ] || fail "six runs on one output leave $(ls "$work")"
done
