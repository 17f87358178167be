#!/bin/bash
# completion.sh - what bash completes, compared with what the program accepts.
LC_ALL=C
export LC_ALL
guerdon=${top_builddir:-.}/guerdon
model=${srcdir:-.}/tests/data/golden/qwen2
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
failed=0
fail() { failed=1; echo "FAILED: $*"; }

complete() { :; } # an interactive shell's
# shellcheck disable=SC1090,SC1091 # made by the build
. "${top_builddir:-.}/completion/guerdon"

# completes WANT WORD...: the last word is the one being typed; bash splits words at an equals sign
completes()
{
    local want=$1
    shift
    COMP_WORDS=(guerdon "$@")
    COMP_CWORD=$#
    COMPREPLY=()
    _guerdon
    [ "${COMPREPLY[*]}" = "$want" ] || fail "$*: '${COMPREPLY[*]}' instead of '$want'"
}

: >"$work/a.jsonl"
cd "$work" || exit 99
completes 'score' sc
completes '--max-length' score --max
completes 'left' score --truncate l
completes 'left' score --truncate = l
completes 'error left right drop oldest-turns' score --truncate =
completes 'avx2 avx512 avx512bf16' score --isa = av
completes 'a.jsonl' score --input a
completes 'a.jsonl' compare a
completes 'a.jsonl' compare a.jsonl a
completes '--json' compare --js
completes '--right --right-model --right-adapter' crosscheck --ri
completes 'a.jsonl' crosscheck --against a
completes 'a.jsonl' score --normalize a
completes 'rewardbench' eval --weights r
completes 'scoring' bench --only s
completes 'never' train --resume n
completes '--resume' score --resu
completes 'a.jsonl' train --eval a
completes 'all-linear' train --lora-targets a
completes 'cosine constant' train --schedule c
completes 'trl' train --compat =
cd - >/dev/null || exit 99

# accepts FLAG ARGUMENTS: the choices completed are those that the message about a wrong one lists
accepts()
{
    local flag=$1 word listed
    shift
    COMP_WORDS=(guerdon "$1" "--$flag" '')
    COMP_CWORD=3
    _guerdon
    listed=$("$guerdon" "$@" --model "$model" "--$flag" nonesuch 2>&1 | tr ',:' '  ')
    for word in "${COMPREPLY[@]}"; do
        case " $listed " in *" $word "* | *"\"$word\""*) ;; *) fail "--$flag $word: not in $listed" ;; esac
    done
    [ "${#COMPREPLY[@]}" -gt 3 ] || fail "--$flag: ${COMPREPLY[*]}"
}
accepts chat-format score x
accepts only bench
exit $failed
