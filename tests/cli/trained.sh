#!/bin/sh
# trained.sh - the settings that an adapter was trained with, in guerdon-adapter.json: every command applies them, says so
# once, and lets the flags and the environment win.
LC_ALL=C
export LC_ALL
guerdon=$(cd "${top_builddir:-.}" && pwd)/guerdon
model=$(cd "${srcdir:-.}" && pwd)/tests/data/golden/qwen2
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
failed=0
fail() { failed=1; echo "FAILED: $*"; }

cd "$work" || exit 99
mkdir plain set
cp "$model-lora"/adapter_* plain
cp plain/* set
cat >set/guerdon-adapter.json <<END
{"format":"guerdon-adapter/1",
 "scoring":{"max_length":30,"add_eos":"always","chat_format":"hh","turns":"on","normalize":"0.5,2"},
 "training":{"data":["a.jsonl","b.jsonl"],"learning_rate":1e-05,"steps":1200,"compat":null,"lora":{"r":8,"alpha":16}}}
END
by_hand="--max-length 30 --add-eos always --chat-format hh --turns on"
printf '{"prompt":"Tea?","chosen":"a b","rejected":"c d"}\n{"prompt":"Tea?","chosen":"x","rejected":"z z"}\n' >pairs.jsonl
printf '{"prompt":"Tea?","responses":["a b","c","d"]}\n' >lists.jsonl
note='guerdon: note: the adapter was trained with max_length 30, add_eos always, chat_format hh, turns on, normalize 0.5,2 (guerdon-adapter.json), used here too'

# same WHAT NORMALIZE COMMAND...: as with the flags given by hand, and one note
same() {
    what=$1 normalize=$2
    shift 2
    "$guerdon" "$@" --model "$model" --adapter set >set.out 2>set.errors || fail "$what: $(cat set.errors)"
    "$guerdon" "$@" --model "$model" --adapter plain $by_hand $normalize >hand.out 2>hand.errors || fail "$what by hand: $(cat hand.errors)"
    cmp -s set.out hand.out || fail "$what gives $(cat set.out), and by hand $(cat hand.out)"
    [ "$what" = tokenize ] || [ "$(grep -cxF "$note" set.errors)" -eq 1 ] || fail "$what says $(cat set.errors)"
    [ "$(grep -c note: set.errors)" -le 1 ] && ! grep -q note: hand.errors || fail "$what says $(cat set.errors hand.errors)"
    "$guerdon" "$@" --quiet --model "$model" --adapter set >set.out 2>set.errors
    cmp -s set.out hand.out && [ ! -s set.errors ] || fail "$what --quiet says $(cat set.errors)"
}
same score '--normalize 0.5,2' score --input pairs.jsonl
same rank '--normalize 0.5,2' rank --input lists.jsonl
same filter '--normalize 0.5,2' filter --input pairs.jsonl --min-margin 0 --annotate
same tokenize '' tokenize --input pairs.jsonl

# over ARGUMENTS...: the flags win, as on the plain adapter, and the notes say in what
over() { # an option for the environment, or - for none; then flags
    variable=$1
    shift
    [ "$variable" = - ] && variable=GUERDON_NOTHING=1
    env "$variable" "$guerdon" score --model "$model" --adapter set --max-length 30 --chat-format hh --turns off --normalize 0,1 "$@" \
        tea 'a b' >set.out 2>set.errors || fail "$variable $*: $(cat set.errors)"
    "$guerdon" score --model "$model" --adapter plain tea 'a b' >hand.out 2>hand.errors
    cmp -s set.out hand.out || fail "$variable $*: $(cat set.out), not $(cat hand.out)"
    grep -qxF 'guerdon: note: the adapter was trained with add_eos always, but never was asked for: its scores may mean less' set.errors &&
        grep -qxF 'guerdon: note: the adapter was trained with normalize 0.5,2, but 0,1 was asked for: its scores may mean less' set.errors &&
        grep -qxF 'guerdon: note: the adapter was trained with turns on, but off was asked for: its scores may mean less' set.errors &&
        [ "$(grep -c note: set.errors)" -eq 4 ] || fail "$variable $* says $(cat set.errors)" # the fourth: hh was not used
}
over - --add-eos never
over GUERDON_ADD_EOS=never
GUERDON_ADD_EOS=always "$guerdon" score --model "$model" --adapter plain --add-eos never tea >set.out 2>set.errors
"$guerdon" score --model "$model" --adapter plain tea >hand.out 2>hand.errors
cmp -s set.out hand.out || fail "--add-eos never against the environment: $(cat set.out)"

# merge: the merged model scores as the adapter does, up to the rounding of its weights
"$guerdon" merge --model "$model" --adapter set --output merged 2>set.errors || fail "merge: $(cat set.errors)"
cmp -s set/guerdon-adapter.json merged/guerdon-adapter.json || fail 'merge loses the settings'
"$guerdon" tokenize --model merged --input pairs.jsonl >set.out 2>set.errors || fail "merged: $(cat set.errors)"
"$guerdon" tokenize --model "$model" --adapter set --input pairs.jsonl >hand.out 2>hand.errors
cmp -s set.out hand.out || fail "merged, the ids are $(cat set.out)"

# train: an adapter upon such a model has the settings with which it was trained, which are the model's where none are given
"$guerdon" train --model merged --train pairs.jsonl --output upon --max-steps 1 --quiet 2>errors || fail "train: $(cat errors)"
grep -q '"chat_format": "hh"' upon/guerdon-adapter.json && grep -q '"turns": "on"' upon/guerdon-adapter.json &&
    grep -q '"add_eos": "always"' upon/guerdon-adapter.json || fail "an adapter upon a merged model: $(cat upon/guerdon-adapter.json)"
"$guerdon" tokenize --model merged --adapter upon --input pairs.jsonl >set.out 2>errors || fail "an adapter upon a merged model: $(cat errors)"
cmp -s set.out hand.out || fail "an adapter upon a merged model: $(cat set.out)"

# inspect: how it was trained, in lines
"$guerdon" inspect --model "$model" --adapter set >out 2>errors || fail "inspect: $(cat errors)"
sed -n '/^trained/,/^[^ t]/p' out >lines
grep -qx 'trained' lines && grep -qx '  data  *a\.jsonl, b\.jsonl' lines && grep -qx '  learning rate  *1e-05' lines &&
    grep -qx '  steps  *1200' lines && grep -qx '  compat  *none' lines && grep -qx '  lora  *r 8, alpha 16' lines || fail "inspect: $(cat lines)"
grep -qF "${note#guerdon: note: }" out || fail "inspect does not warn: $(cat out)"
"$guerdon" inspect --model "$model" --adapter plain | grep -qx 'trained  *none' || fail 'inspect knows of a training'

# a run goes on only with the settings that it began with
gzip -c pairs.jsonl | dd bs=1 count=$(($(gzip -c pairs.jsonl | wc -c) - 6)) of=cut 2>/dev/null
"$guerdon" score --model "$model" --adapter set --input cut --output said 2>errors
[ $? -eq 3 ] && [ -e said.resume ] || fail "an input that breaks off: $(cat errors)"
"$guerdon" score --model "$model" --adapter set --input cut --output said --resume --add-eos never 2>errors
[ $? -eq 2 ] && grep -q 'started with another add_eos, always; now it is never' errors || fail "--resume with another flag: $(cat errors)"
sed 's/"max_length":30/"max_length":31/' set/guerdon-adapter.json >other && cp other set/guerdon-adapter.json
"$guerdon" score --model "$model" --adapter set --input cut --output said --resume 2>errors
[ $? -eq 2 ] && grep -q 'started with another max_length, 30; now it is 31' errors || fail "--resume with other settings: $(cat errors)"
sed -e 's/"max_length":31/"max_length":30/' -e 's/1200/1300/' other >set/guerdon-adapter.json
"$guerdon" score --model "$model" --adapter set --input cut --output said --resume 2>errors
[ $? -eq 2 ] && grep -q 'guerdon-adapter.json' errors || fail "--resume with another training: $(cat errors)"
exit $failed
