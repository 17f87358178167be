#!/bin/sh
# outputs.sh - no output destroys what is read, what another output gets, or what was there before.
LC_ALL=C
export LC_ALL
guerdon=${top_builddir:-.}/guerdon
model=${srcdir:-.}/tests/data/golden/llama
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
failed=0
fail() { failed=1; echo "FAILED: $*"; }

case $guerdon in /*) ;; *) guerdon=$PWD/$guerdon ;; esac
case $model in /*) ;; *) model=$PWD/$model ;; esac
cd "$work" || exit 99
from="--model $model --quiet"
printf '{"prompt":"a","chosen":"b","rejected":"c"}\n{"prompt":"d","chosen":"e","rejected":"f"}\n' >pairs
printf '{"prompt":"a","responses":["b","c"]}\n{"prompt":"d","responses":["e","f"]}\n' >lists
"$guerdon" score $from --input pairs --output scores || fail "score: status $?"
"$guerdon" score $from --input lists --output list-scores || fail "score: status $?"

# usage FILE COMMAND...: the command, which reads the file on standard input, is refused, and the file stays
usage()
{
    read=$1
    shift
    cp "$read" before
    "$guerdon" "$@" --quiet <"$read" >out 2>errors
    status=$?
    [ $status -eq 2 ] || fail "$* <$read: status $status, $(cat errors)"
    cmp -s before "$read" || fail "$* <$read: the file has changed"
    cp before "$read"
}

# ---- what is read on standard input ----
ln pairs hard
ln -s pairs soft
for name in pairs ./pairs hard soft /dev/fd/0; do
    usage pairs score --model "$model" --input - --output $name
    usage pairs eval --model "$model" --input - --report $name
    usage pairs eval --model "$model" --report $name
    usage pairs eval --model "$model" --input - --calibrate-output $name
    usage pairs eval --model "$model" --input - --scores $name
    usage pairs filter --model "$model" --input - --min-margin 0 --output kept --rejects $name
    usage pairs filter --model "$model" --input - --min-margin 0 --output $name
done
usage lists rank --model "$model" --input - --output ranked --pairs all --pairs-output lists
usage scores eval --input pairs --from-scores - --report scores
usage scores eval --input pairs --from-scores scores --report scores
usage scores eval --input pairs --from-scores - --scores scores
usage scores filter --input pairs --from-scores - --min-margin 0 --output scores
usage list-scores rank --input lists --from-scores - --output list-scores
usage list-scores rank --input lists --from-scores - --output ranked --pairs all --pairs-output list-scores
usage scores compare scores - --report scores
usage scores compare - pairs --report scores
for part in .resume .resume.part .resume.found; do
    cp pairs "y$part"
    usage "y$part" score --model "$model" --input - --output y
done
[ ! -e kept ] && [ ! -e ranked ] || fail "an output was made although the run was refused"
cp scores before
"$guerdon" filter --input pairs --from-scores scores --min-margin -99 --quiet >>scores 2>errors
[ $? -eq 2 ] || fail "filter appends to its scores: $(cat errors)"
cmp -s before scores || fail "filter appended to its scores"

# ---- two kinds of lines in one stream ----
usage lists rank --model "$model" --input lists --pairs all --pairs-output out
for names in '- /dev/stdout' '/dev/stdout -' '/dev/fd/1 /dev/stdout'; do
    set -- $names
    usage lists rank --model "$model" --input lists --output $1 --pairs all --pairs-output $2
    grep -q 'the lines of --output and those of --pairs-output would be mixed' errors || fail "rank says $(cat errors)"
    usage pairs filter --model "$model" --input pairs --min-margin 0 --output $1 --rejects $2
done
for name in - /dev/stdout /proc/self/fd/1; do
    usage pairs eval --model "$model" --input pairs --scores $name
    usage pairs eval --model "$model" --input pairs --report $name
    usage pairs compare scores scores --report $name
done

# ---- open descriptors ----
echo first >log
"$guerdon" score $from --input pairs --output /dev/fd/3 3>>log || fail "/dev/fd/3: status $?"
"$guerdon" score $from --input pairs --output /dev/stderr 2>>log || fail "/dev/stderr: status $?"
"$guerdon" eval $from --input pairs --scores /proc/self/fd/4 4>>log >out || fail "/proc/self/fd/4: status $?"
{ echo first && cat scores scores scores; } | cmp -s - log || { fail "descriptors that are open:"; cat log; }
echo first >log
"$guerdon" eval $from --input pairs --report /dev/fd/3 3>>log >out || fail "a page to /dev/fd/3: status $?"
[ "$(head -n 1 log)" = first ] && [ "$(wc -c <log)" -gt 1000 ] || fail "a page to /dev/fd/3: $(head -c 100 log)"
"$guerdon" score $from --input pairs --output /dev/fd/3 3<lists 2>errors
[ $? -eq 3 ] || fail "a descriptor to read from: $(cat errors)"

# ---- a run that fails before it has a line leaves what was there ----
# stays STATUS FILE COMMAND...: the command fails, and an earlier output stays, without a journal
stays()
{
    wanted=$1 old=$2
    shift 2
    echo earlier >"$old"
    "$guerdon" "$@" --quiet >out 2>errors
    status=$?
    [ $status -eq $wanted ] || fail "$*: status $status, $(cat errors)"
    [ "$(cat "$old")" = earlier ] || fail "$*: $old is lost"
    [ ! -e "$old.resume" ] && [ ! -e "$old.resume.part" ] && [ ! -e "$old.resume.found" ] || fail "$*: a journal is left"
    rm -f "$old"
}
for second in none/p .; do
    stays 3 old rank --model "$model" --input lists --output old --pairs all --pairs-output $second
    stays 3 old filter --model "$model" --input pairs --min-margin 0 --output old --rejects $second
    stays 3 old filter --model "$model" --input pairs --top-fraction 0.5 --output old --rejects $second
done
printf '{"text":\n' >broken
: >empty
printf '{"index":0,"score":1,"tokens":1}\n' >texts
for wrong in broken empty texts; do
    stays 3 old filter --input pairs --from-scores $wrong --min-margin 0 --output old
    stays 3 old.gz filter --input pairs --from-scores $wrong --min-margin 0 --output old.gz
    stays 3 old rank --input lists --from-scores $wrong --output old
    stays 3 old eval --input pairs --from-scores $wrong --scores old
done
if command -v flock >/dev/null; then
    echo earlier >busy
    flock busy "$guerdon" rank $from --input lists --output new --pairs all --pairs-output busy 2>errors
    [ $? -eq 3 ] && grep -q 'another run is writing' errors || fail "an output that is locked: $(cat errors)"
    [ "$(cat busy)" = earlier ] || fail "an output that is locked is emptied"
fi

# a file that was made is one of no lines, packed or not
for ending in gz zst; do
    "$guerdon" filter --quiet --input pairs --from-scores texts --min-margin 0 --output new.$ending 2>errors
    [ $? -eq 3 ] || fail "scores of texts: $(cat errors)"
    [ -s new.$ending ] || fail "new.$ending has no bytes"
    "$guerdon" score $from --input new.$ending >out 2>&1 || fail "new.$ending can't be read: $(cat out)"
    { head -n 1 scores && cat texts; } >half
    "$guerdon" eval --quiet --input pairs --from-scores half --scores half.$ending >out 2>errors
    [ $? -eq 3 ] || fail "scores of which half are of texts: $(cat errors)"
    "$guerdon" score $from --input half.$ending >out 2>&1 || fail "half.$ending can't be read: $(cat out)"
done

# ---- an output that is complete, with --resume ----
again() # STATUS SENTENCE COMMAND...: the command, resumed, says so, and its output stays
{
    wanted=$1 sentence=$2
    shift 2
    cp whole before
    "$guerdon" "$@" --output whole --resume 2>errors
    status=$?
    [ $status -eq $wanted ] || fail "$* --resume: status $status, $(cat errors)"
    grep -q "$sentence" errors || fail "$* --resume says $(cat errors)"
    cmp -s whole before && [ ! -e whole.resume ] || fail "$* --resume changes its output"
}
"$guerdon" score $from --input pairs --output whole.gz
for what in "score --model $model" "rank --model $model" 'rank --from-scores list-scores'; do
    case $what in rank*) input=lists ;; *) input=pairs ;; esac
    cat $input $input >more
    head -n 1 $input >less
    rm -f whole
    "$guerdon" $what --quiet --input $input --output whole || fail "$what: status $?"
    again 0 'complete; nothing to do (it has as many items as the input, but whether' $what --input $input
    again 2 'whole is complete with 2 items, but more has 4: ' $what --input more
    again 2 'whole is complete with 2 items, but less has 1: ' $what --input less
done
again 0 'nothing to do' rank --from-scores list-scores --skip-unscored --input more
again 2 'whole is complete with 2 items, but less has 1: ' rank --from-scores list-scores --skip-unscored --input less
"$guerdon" score $from --resume --input pairs --output whole.gz 2>errors || fail "a packed output: $(cat errors)"
"$guerdon" score $from --resume --input lists --output pairs 2>errors
[ $? -eq 2 ] && grep -q 'pairs: line 1 is not one that this command writes' errors || fail "another file: $(cat errors)"

# ---- what a run leaves beside its output ----
printf '{"prompt":"a","response":"b"}\n{"prompt":"c","response":"d"}\n{"prompt":"a","response":"e"}\n' >unsorted
"$guerdon" rank $from --input unsorted --group-by prompt --output groups 2>errors
[ $? -eq 3 ] && grep -q 'sort the input by "prompt" first' errors || fail "rows that are not sorted: $(cat errors)"
[ ! -e groups.resume ] || fail "rows that are not sorted leave a journal"
sort unsorted >sorted
"$guerdon" rank $from --input sorted --group-by prompt --output groups 2>errors || fail "rows that are sorted: $(cat errors)"

cp pairs w.resume.found
"$guerdon" filter $from --input pairs --top-fraction 0.5 --output w 2>errors
[ $? -eq 2 ] && grep -q 'w.resume.found: the run would overwrite this file' errors || fail "a file of that name: $(cat errors)"
cmp -s pairs w.resume.found && [ ! -e w.resume ] || fail "a file that is called w.resume.found is lost"
ln -sf ../$(basename "$work")/scores w.resume.found
cp scores before
"$guerdon" filter $from --input pairs --top-fraction 0.5 --output w 2>errors || fail "a link called w.resume.found: $(cat errors)"
cmp -s scores before || fail "a file that w.resume.found leads to is lost"

# a run that goes on with other flags: the message has the words of the command line
gzip -c pairs | dd bs=1 count=$(($(gzip -c pairs | wc -c) - 6)) of=cut 2>/dev/null
"$guerdon" score $from --input cut --output said 2>errors
[ $? -eq 3 ] && [ -e said.resume ] || fail "an input that breaks off: $(cat errors)"
for words in '--truncate=left:truncate, error; now it is left' '--max-length=200:max_length, not given; now it is 200' \
    '--add-eos=auto:add_eos, never; now it is auto' '--keep=prompt:keep, not given; now it is "prompt"'; do
    "$guerdon" score $from --input cut --output said --resume "${words%%:*}" 2>errors
    [ $? -eq 2 ] && grep -q "started with another ${words#*:}" errors || fail "${words%%:*} says $(cat errors)"
done
exit $failed
