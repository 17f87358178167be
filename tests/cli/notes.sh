#!/bin/sh
# notes.sh - what a model's files say against the command line is said once, before the scores, and not with --quiet.
LC_ALL=C
export LC_ALL
guerdon=${top_builddir:-.}/guerdon
model=${srcdir:-.}/tests/data/golden/qwen2
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
failed=0
fail() { failed=1; echo "FAILED: $*"; }

mkdir "$work/adapter"
cp "$model-lora/adapter_model.safetensors" "$work/adapter"
sed 's,"\.\./qwen2","Qwen/Qwen3-4B",' "$model-lora/adapter_config.json" >"$work/adapter/adapter_config.json"
printf -- '---\ntags:\n- reward-trainer\n---\n' >"$work/adapter/README.md"
printf '{"chosen":"a b","rejected":"c d"}\n' >"$work/pairs.jsonl"
printf '{"prompt":"a","responses":["b","c"]}\n' >"$work/lists.jsonl"

# run WHAT ARGUMENTS...: 2 notes on standard error; none with --quiet; none with the adapter of this model
run() {
    what=$1
    shift
    "$guerdon" "$@" --model "$model" --adapter "$work/adapter" >"$work/out" 2>"$work/errors" || fail "$what: status $?"
    [ "$(grep -c '^guerdon: note: ' "$work/errors")" -eq 2 ] || fail "$what says $(cat "$work/errors")"
    grep -q 'note: .*adapter: the adapter was trained on "Qwen/Qwen3-4B"' "$work/errors" || fail "$what: no base"
    grep -q 'note: .*README.md: TRL trained this.* <|im_end|>, which is appended only with --add-eos auto' "$work/errors" || fail "$what: no eos"
    "$guerdon" "$@" --quiet --model "$model" --adapter "$work/adapter" >"$work/out" 2>"$work/errors"
    grep -q 'note:' "$work/errors" && fail "$what --quiet says $(cat "$work/errors")"
    "$guerdon" "$@" --model "$model" --adapter "$model-lora" >"$work/out" 2>"$work/errors"
    grep -q 'note:' "$work/errors" && fail "$what with its own adapter says $(cat "$work/errors")"
}
run score score --input "$work/pairs.jsonl"
run rank rank --input "$work/lists.jsonl"
run filter filter --input "$work/pairs.jsonl" --min-margin -99
run eval eval --input "$work/pairs.jsonl"
merge() { # as run(), each time into another directory
    number=$((number + 1))
    "$guerdon" merge --output "$work/merged$number" --model "$model" "$@" >"$work/out" 2>"$work/errors" || fail "merge: status $?"
}
number=0
merge --adapter "$work/adapter"
[ "$(grep -c '^guerdon: note: ' "$work/errors")" -eq 2 ] || fail "merge says $(cat "$work/errors")"
grep -q 'note: .*adapter: the adapter was trained on "Qwen/Qwen3-4B"' "$work/errors" || fail 'merge: no base'
grep -q 'note: .*README.md: .*, which is appended only with --add-eos auto' "$work/errors" || fail 'merge: no eos'
merge --adapter "$work/adapter" --quiet
[ ! -s "$work/errors" ] || fail "merge --quiet says $(cat "$work/errors")"
merge --adapter "$model-lora"
[ "$(grep -cE "^merged into $work/merged$number: [0-9]+ tensors, [0-9,]+ bytes\$" "$work/errors")" -eq 1 ] &&
    [ "$(wc -l <"$work/errors")" -eq 1 ] || fail "merge with its own adapter says $(cat "$work/errors")"

# A prompt and an answer that are texts are joined, which is seldom meant for a model with a chat format.
mkdir "$work/chat"
cp "$model"/* "$work/chat"
cp "${srcdir:-.}/tests/data/chat/templates/chatml.jinja" "$work/chat/chat_template.jinja"
printf '{"prompt":"a","response":"b"}\n' >"$work/joined.jsonl"
printf '{"text":"a b"}\n{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}\n' >"$work/other.jsonl"
joined() { # 0 or 1 notes, arguments
    want=$1
    shift
    "$guerdon" score "$@" >"$work/out" 2>"$work/errors" || fail "score $*: status $?"
    [ "$(grep -c 'note: prompts and answers that are texts were joined' "$work/errors")" -eq "$want" ] ||
        fail "score $* says $(cat "$work/errors")"
}
joined 1 --model "$work/chat" --input "$work/joined.jsonl"
joined 0 --model "$work/chat" --input "$work/joined.jsonl" --turns off
joined 0 --model "$work/chat" --input "$work/joined.jsonl" --turns on
joined 0 --model "$work/chat" --input "$work/other.jsonl"
joined 0 --model "$model" --input "$work/joined.jsonl"

"$guerdon" score --add-eos auto --model "$model" --adapter "$work/adapter" hello >"$work/out" 2>"$work/errors"
grep -q 'here it is appended (--add-eos)' "$work/errors" || fail "score --add-eos auto says $(cat "$work/errors")"
# inspect says what --add-eos does: which id, and whether the score is read there.
eos() { # what it says, arguments
    want=$1
    shift
    "$guerdon" inspect "$@" >"$work/out" 2>"$work/errors" || fail "inspect $*: status $?"
    grep -q "^add eos  *$want" "$work/out" || fail "inspect $* says $(grep '^add eos' "$work/out")"
}
mkdir "$work/same" # whose pad token is the eos token
cp "$model"/* "$work/same"
sed 's/"pad_token_id": *[0-9]*/"pad_token_id": 1502/' "$model/config.json" >"$work/same/config.json"
eos 'never$' --model "$model"
eos "auto: id 1502 is appended to texts that don't end with it; the score is read there" --model "$model" --add-eos auto
eos 'always: id 1502 is appended to texts; the score is read there' --model "$model" --add-eos always
eos "auto: .*; as it is also the pad token, the score is still read before it" --model "$work/same" --add-eos auto

# Plain C is for checking, and too slow for anything else.
"$guerdon" score --isa generic --model "$model" hello >"$work/out" 2>"$work/errors" || fail "generic: status $?"
grep -q '^guerdon: note: the instruction set is "generic", plain C: ' "$work/errors" || fail "generic says $(cat "$work/errors")"
"$guerdon" inspect --isa generic --model "$model" | grep -q 'is "generic", plain C' || fail 'inspect says nothing of plain C'
best=$("$guerdon" backends --json | sed -n 's/.*"best" *: *"\([^"]*\)".*/\1/p')
if [ "$best" != generic ]; then
    "$guerdon" score --model "$model" hello >"$work/out" 2>"$work/errors"
    grep -q 'plain C' "$work/errors" && fail "$best says $(cat "$work/errors")"
fi
"$guerdon" inspect --model "$model" --adapter "$work/adapter" >"$work/out" 2>"$work/errors" || fail "inspect: status $?"
grep -q 'the adapter was trained on "Qwen/Qwen3-4B"' "$work/out" || fail "inspect says $(cat "$work/out")"
grep -q -e 'only with --add-eos auto' "$work/out" || fail "inspect says $(cat "$work/out")"
exit $failed
