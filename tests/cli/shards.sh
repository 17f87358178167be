#!/bin/sh
# shards.sh - parts of an input, scored apart: their outputs, joined, are the bytes of one run; OUTPUT.done tells when
# one is whole.  The commands are those of doc/many-machines.md.
LC_ALL=C
srcdir=$(cd "${srcdir:-.}" && pwd)
GUERDON_MODEL=$srcdir/tests/data/golden/qwen2
GUERDON_QUIET=1
export LC_ALL GUERDON_MODEL GUERDON_QUIET
PATH=$(cd "${top_builddir:-.}" && pwd):$PATH
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 99
failed=0
fail() { failed=1; echo "FAILED: $*"; }

# says STATUS SENTENCE COMMAND: expects that status, and that text in the output or the errors
says()
{
    wanted=$1
    sentence=$2
    shift 2
    "$@" >out 2>&1 </dev/null
    status=$?
    if [ "$status" -ne "$wanted" ] || ! grep -qF -e "$sentence" out; then
        fail "$*: status $status, no '$sentence' in: $(cat out)"
    fi
}

# joins WHOLE PART...: the parts are the whole
joins()
{
    whole=$1
    shift
    cat "$@" | cmp - "$whole" || fail "$* joined are not $whole"
}

# real pairs, of which one is too long, one is no JSON, and one is blank, which is no item
zcat "$srcdir/tests/data/hh-rlhf/harmless-base-test.jsonl.gz" | head -40 >pairs.jsonl
{ printf 'not JSON\n\n'; zcat "$srcdir/tests/data/hh-rlhf/harmless-base-test.jsonl.gz" | sed -n 41,50p; } >>pairs.jsonl
flags='--input pairs.jsonl --max-length 400'

# ---- each command ----

says 1 'failed' guerdon score $flags --truncate drop --output whole.jsonl
for i in 1 2 3; do
    guerdon score $flags --truncate drop --shard $i/3 --output part.$i.jsonl 2>/dev/null
done
joins whole.jsonl part.1.jsonl part.2.jsonl part.3.jsonl
for i in 1 2 3; do
    [ -s part.$i.jsonl ] || fail "part $i is empty"
    [ -f part.$i.jsonl.done ] || fail "part $i has no marker"
    [ ! -e part.$i.jsonl.resume ] || fail "part $i has a journal"
    grep -q "\"sha256\":\"$(sha256sum part.$i.jsonl | cut -d' ' -f1)\"" part.$i.jsonl.done ||
        fail "the marker of part $i has another digest: $(cat part.$i.jsonl.done)"
done
grep -q '"shard":2,"of":3,"items":17,"first":17,"last":33,"all_items":51,' part.2.jsonl.done ||
    fail "the marker is $(cat part.2.jsonl.done)"
grep -q '"failed":1,' part.3.jsonl.done || fail "no failure in $(cat part.3.jsonl.done)"
[ "$(sed 's/.*\("input":"[0-9a-f]*"\).*/\1/' part.?.jsonl.done | uniq | wc -l)" -eq 1 ] ||
    fail 'the markers are of different inputs'

guerdon tokenize $flags --truncate left --output whole.ids 2>/dev/null
for i in 1 2 3 4; do
    guerdon tokenize $flags --truncate left --shard $i/4 --output ids.$i 2>/dev/null
    [ -f ids.$i.done ] || fail "ids $i have no marker"
done
joins whole.ids ids.1 ids.2 ids.3 ids.4

guerdon score $flags --output whole.gz 2>/dev/null
for i in 1 2; do guerdon score $flags --shard $i/2 --output part.$i.gz 2>/dev/null; done
gunzip -c whole.gz >whole.unpacked
cat part.1.gz part.2.gz | gunzip -c | cmp - whole.unpacked || fail 'packed parts joined are not the whole'

# standard output has no marker
for i in 1 2; do guerdon score $flags --shard $i/2 2>/dev/null; done | cmp - whole.unpacked || fail 'standard output'
[ ! -e -.done ] || fail 'a marker of standard output'

# a table's header is in the first part alone; there may be more parts than items
printf 'id,text\n1,one\n2,two\n3,three\n4,four\n5,five\n' >table.csv
guerdon filter --input table.csv --min-score 0 --output kept.csv --rejects rejected.csv
for i in 1 2 3 4 5 6 7; do
    guerdon filter --input table.csv --min-score 0 --shard $i/7 --output kept.$i.csv --rejects rejected.$i.csv ||
        fail "filter, part $i"
done
[ "$(wc -l <kept.csv)" -gt 1 ] && [ "$(wc -l <rejected.csv)" -gt 1 ] || fail 'a threshold that tells nothing apart'
joins kept.csv kept.[1-7].csv
joins rejected.csv rejected.[1-7].csv
grep -q '"items":0,"first":null,"last":null' kept.1.csv.done || fail "the marker is $(cat kept.1.csv.done)"

# groups are not split: each is an item
for p in a b c d e; do
    for r in x y z; do echo "{\"prompt\":\"$p \",\"response\":\"$r $p\",\"id\":\"$p$r\"}"; done
done >rows.jsonl
rank='--input rows.jsonl --group-by prompt --keep id --pairs all'
guerdon rank $rank --output ranked.jsonl --pairs-output ranked.pairs
for i in 1 2 3; do
    guerdon rank $rank --shard $i/3 --output ranked.$i.jsonl --pairs-output pairs.$i || fail "rank, part $i"
done
joins ranked.jsonl ranked.1.jsonl ranked.2.jsonl ranked.3.jsonl
joins ranked.pairs pairs.1 pairs.2 pairs.3
[ "$(wc -l <ranked.2.jsonl)" -eq 2 ] || fail "part 2 of 5 groups has $(wc -l <ranked.2.jsonl) of them"

# ---- the commands of doc/many-machines.md, as they stand there ----

# documented BEGIN [END]: the line of the document that begins so, or the lines from there to one that ends so
documented()
{
    if [ $# -eq 1 ]; then lines="/^    $1/"; else lines="/^    $1/,/$2\$/"; fi
    sed -n "${lines}s/^    //p" "$srcdir/doc/many-machines.md" | sed "s|MODEL|$GUERDON_MODEL|"
}

guerdon score --input pairs.jsonl --output all.jsonl 2>/dev/null
documented 'guerdon score .* [123]\/3' >three
documented 'cat scores' >>three
[ "$(wc -l <three)" -eq 4 ] || fail "of the first example, there is only $(cat three)"
sh three 2>/dev/null
cmp all.jsonl scores.jsonl || fail 'three parts'
rm scores.*
documented '#!.bin.bash' '--resume' >slurm
grep -q '^#SBATCH --array=1-16$' slurm || fail "the script for Slurm is $(cat slurm)"
for again in 1 2; do
    for task in $(seq 16); do SLURM_ARRAY_TASK_ID=$task SLURM_ARRAY_TASK_COUNT=16 sh slurm 2>/dev/null; done
    documented 'seq -f' >join
    sh join
    cmp all.jsonl scores.jsonl || fail "an array of Slurm's, time $again"
done
rm scores.*
documented 'seq 16 . xargs' >xargs
sh xargs 2>/dev/null
[ $? -eq 123 ] || fail 'one part has an item that failed'
sh join
cmp all.jsonl scores.jsonl || fail 'parts by xargs'
if command -v parallel >/dev/null; then
    rm scores.*
    documented 'parallel -S' | sed 's| -S a,b,c||; s|/data/||g' >parallel
    sh parallel 2>/dev/null
    sh join
    cmp all.jsonl scores.jsonl || fail 'parts by parallel'
fi

# ---- a part that is done ----

cp part.2.jsonl before
says 0 'part.2.jsonl has shard 2/3, complete; nothing to do' \
    guerdon score $flags --truncate drop --shard 2/3 --output part.2.jsonl --resume
cmp part.2.jsonl before || fail 'a part that was done is another'
touch part.2.jsonl.resume # a kill between the marker and the end of the journal
says 0 'nothing to do' guerdon score $flags --truncate drop --shard 2/3 --output part.2.jsonl --resume
[ ! -e part.2.jsonl.resume ] || fail 'the journal is left'
says 2 'was started with another truncate, drop; now it is left' \
    guerdon score $flags --truncate left --shard 2/3 --output part.2.jsonl --resume
says 2 'part.2.jsonl has shard 2/3, as part.2.jsonl.done says, but this run is shard 1/3' \
    guerdon score $flags --truncate drop --shard 1/3 --output part.2.jsonl
says 2 'but this run is over the whole input' guerdon score $flags --output part.2.jsonl
cmp part.2.jsonl before || fail 'a part was overwritten by another'
cp pairs.jsonl kept.jsonl
tail -1 kept.jsonl >>pairs.jsonl
says 2 'the shard is of another input, which had 51 items' \
    guerdon score $flags --truncate drop --shard 2/3 --output part.2.jsonl --resume
cp kept.jsonl pairs.jsonl
echo >>part.2.jsonl
says 3 "part.2.jsonl has $(wc -c <part.2.jsonl) bytes, but $(wc -c <before) when it was done" \
    guerdon score $flags --truncate drop --shard 2/3 --output part.2.jsonl --resume
guerdon score $flags --truncate drop --shard 2/3 --output part.2.jsonl
cmp part.2.jsonl before || fail 'a part that was scored again is another'
rm part.2.jsonl.done
says 2 'part.2.jsonl is complete, but part.2.jsonl.done, which would say of which shard, is not there' \
    guerdon score $flags --truncate drop --shard 2/3 --output part.2.jsonl --resume
echo mine >part.2.jsonl.done
says 2 'part.2.jsonl.done: the run would overwrite this file' \
    guerdon score $flags --truncate drop --shard 2/3 --output part.2.jsonl
[ "$(cat part.2.jsonl.done)" = mine ] || fail 'a file of the user was overwritten'

# a dry run is over the part, and leaves nothing
says 1 'items           17, 1 would fail' guerdon score $flags --truncate drop --shard 3/3 --output dry.jsonl --dry-run
[ ! -e dry.jsonl ] && [ ! -e dry.jsonl.done ] || fail 'a dry run left a file'

# ---- what is refused ----

says 2 'parts count from 1, so with indices from 0, add 1' guerdon score $flags --shard 0/3
says 2 '--shard=4/3: expected a part from 1 to N' guerdon score $flags --shard 4/3
for bad in 1 1/ /3 1/0 1/3/3 -1/3 1/-3 a/b 1/9999999 '1/3 ' 18446744073709551617/3; do
    says 2 "--shard=$bad: expected " guerdon score $flags --shard "$bad"
done
says 2 'standard input: a shard' guerdon score --shard 1/2 text
says 2 'standard input: a shard' guerdon score --shard 1/2 --input -
mkfifo pipe
cat pairs.jsonl >pipe 2>/dev/null & # ended by the broken pipe
guerdon score --shard 1/2 --input pipe >out 2>&1
[ $? -eq 2 ] && grep -q 'pipe: a shard' out || fail "a pipe: $(cat out)"
says 2 '--top-fraction needs the scores of all shards' guerdon filter $flags --shard 1/2 --top-fraction 0.5
unset GUERDON_MODEL
says 2 '--from-scores leaves no work of a model to share out' \
    guerdon rank --input rows.jsonl --group-by prompt --shard 1/2 --from-scores ranked.jsonl
exit $failed
