#!/bin/sh
# program.sh - the program on this processor: the best instruction set is the default, plain C prints the same lines,
# and another processor's instruction set is refused.  GD_EMULATOR runs a program built for another processor.
LC_ALL=C
export LC_ALL
golden=${srcdir:-.}/tests/data/golden
guerdon=${top_builddir:-.}/guerdon
[ -n "${GD_EMULATOR-}" ] && guerdon="$GD_EMULATOR ${top_builddir:-.}/guerdon"
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
failed=0

# verdict MESSAGE: prints the message if the previous command failed
verdict()
{
    # shellcheck disable=SC2181 # failures are reported in one place
    [ $? -eq 0 ] && return
    failed=$((failed + 1))
    echo "FAILED: $1"
}

# score OUTPUT FLAGS...: a few texts of a model with an adapter
score()
{
    output=$work/$1
    shift
    # shellcheck disable=SC2086 # the emulator may have arguments
    sed -n 1,4p "$golden/qwen3/expected.jsonl" | $guerdon score --quiet --model "$golden/qwen3" --adapter \
        "$golden/qwen3-lora" --max-length 64 --truncate right --input - "$@" >"$output" 2>"$work/err"
}

# shellcheck disable=SC2086
$guerdon backends >"$work/backends"
verdict 'guerdon backends'
best=$(sed -n 's/^  best  *//p' "$work/backends")
case $best in
generic) foreign= ;;
neon) foreign=avx2 ;;
*) foreign=neon ;;
esac
[ "$best" = "${GD_EXPECT_ISA:-$best}" ] && grep -q "^default  *backend cpu, isa $best," "$work/backends"
verdict "the best instruction set is \"$best\", which is not the default, or not ${GD_EXPECT_ISA-}"

score default
verdict "guerdon score: $(cat "$work/err")"
[ "$(wc -l <"$work/default")" = 4 ] && ! grep -q error "$work/default"
verdict "not four scores: $(cat "$work/default")"
for isa in generic "$best"; do
    score "$isa" --isa "$isa" && cmp -s "$work/default" "$work/$isa"
    verdict "--isa $isa: $(cat "$work/err") $(diff "$work/default" "$work/$isa")"
done
if [ -n "$foreign" ]; then
    score refused --isa "$foreign"
    [ $? -eq 3 ] && [ ! -s "$work/refused" ] && \
        grep -q "this CPU does not support $foreign; it can run: generic" "$work/err"
    verdict "--isa $foreign is not refused: $(cat "$work/err")"
fi
echo "best: $best"
[ $failed = 0 ]
