#!/bin/bash
# interrupt.sh - interrupts runs at random moments, by SIGINT, SIGTERM, SIGKILL or a full disk, and resumes them: the
# finished files must equal those of an uninterrupted run. INTERRUPTIONS=N sets the number (default: 60).
set -u
guerdon=$(realpath "${top_builddir:-.}/guerdon")
model=$(realpath "${srcdir:-.}")/tests/data/golden/qwen2
count=${INTERRUPTIONS:-60}
[ -z "${SANITIZER_FLAGS-}" ] || count=6 # each run takes twenty times as long
work=$(mktemp -d) || exit 99
mounted=
cleanup() { cd /; [ -n "$mounted" ] && umount "$mounted"; rm -rf "$work"; }
trap cleanup EXIT
RANDOM=1
done_with=0

# 3,000 items, some of which fail; answers to a prompt, and pairs
awk 'BEGIN { for (i = 0; i < 3000; i++) {
    p = "Question " i * 7919 % 1000 "? "
    if (i % 97 == 5) print "{\"prompt\":\"" p "\"}"
    else print "{\"prompt\":\"" p "\",\"responses\":[\"yes " i "\",\"no\",\"perhaps " i % 7 "\"]}" } }' >"$work/answers.jsonl"
awk 'BEGIN { for (i = 0; i < 3000; i++)
    if (i % 89 == 3) print "broken"; else print "{\"chosen\":\"good " i * 31 % 997 "\",\"rejected\":\"bad " i "\"}" }' >"$work/pairs.jsonl"

# arguments NAME: sets args to those of one run, with its outputs in the current directory
arguments()
{
    case $1 in
    score) args=(score --input "$work/pairs.jsonl" --output out.jsonl) ;;
    packed) args=(score --input "$work/pairs.jsonl" --output out.jsonl.gz) ;;
    zst) args=(score --input "$work/pairs.jsonl" --output out.jsonl.zst) ;;
    rank) args=(rank --input "$work/answers.jsonl" --output out.jsonl --pairs all --texts) ;;
    mixed) args=(rank --input "$work/answers.jsonl" --output out.jsonl --pairs best-random
        --pairs-output pairs.jsonl.gz) ;;
    filter) args=(filter --input "$work/pairs.jsonl" --output out.jsonl --rejects no.jsonl
        --flip-below 0.5 --annotate) ;;
    top) args=(filter --input "$work/answers.jsonl" --output out.jsonl.zst --rejects no.jsonl --top-fraction 0.3) ;;
    esac
}

export GUERDON_MODEL=$model GUERDON_BATCH_TOKENS=200 GUERDON_QUIET=1
for name in score packed zst rank mixed filter top; do
    mkdir "$work/$name.want" "$work/$name"
    arguments "$name"
    cd "$work/$name.want" || exit 99
    "$guerdon" "${args[@]}" 2>/dev/null
    [ $? -eq 1 ] || { echo "$name: the whole run failed"; exit 1; }
    [ -z "$(find "$work/$name.want" -name '*.resume*')" ] || { echo "$name: a complete run left its journal"; exit 1; }
done

# A small file system to fill up, where mounting is allowed.
if mkdir "$work/disk" && mount -t tmpfs -o size=64k tmpfs "$work/disk" 2>/dev/null; then
    mounted=$work/disk
else
    echo 'skipped: a full disk: no file system may be mounted here'
fi

signals=(INT TERM KILL)
names=(score packed zst rank mixed filter top)
while [ "$done_with" -lt "$count" ]; do
    name=${names[$((RANDOM % 7))]}
    cd "$work" && rm -rf "${work:?}/$name" && mkdir "$work/$name"
    for ((i = 0; i < 1 + RANDOM % 4; i++)); do
        arguments "$name"
        cd "$work/$name" || exit 99
        timeout -s "${signals[$((RANDOM % 3))]}" "0.0$((RANDOM % 900 + 100))" \
            "$guerdon" "${args[@]}" --resume >/dev/null 2>"$work/err"
        done_with=$((done_with + 1))
    done 2>/dev/null # the shell reports killed programs
    if [ -n "$mounted" ] && [ $((RANDOM % 4)) -eq 0 ] && rm -rf "${mounted:?}"/* &&
        cp -r "$work/$name/." "$mounted" 2>/dev/null; then
        arguments "$name"
        cd "$mounted" || exit 99
        "$guerdon" "${args[@]}" --resume >/dev/null 2>"$work/err"
        done_with=$((done_with + 1))
        cd "$work" && rm -rf "${work:?}/$name" && cp -r "$mounted" "$work/$name"
    fi
    arguments "$name"
    cd "$work/$name" || exit 99
    "$guerdon" "${args[@]}" --resume >/dev/null 2>"$work/err"
    diff -r "$work/$name.want" "$work/$name" >/dev/null ||
        { echo "FAILED: $name after $done_with interruptions differs: $(cat "$work/err")"; ls -l "$work/$name.want" "$work/$name"; exit 1; }
done
echo "$done_with interruptions, and every file equals that of an uninterrupted run"
