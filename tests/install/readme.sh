#!/bin/bash
# readme.sh - README.md's first command, run exactly as written on the model that quickstart makes, prints what
# README.md shows, to the last digit.
export LC_ALL=C
srcdir=$(cd "${srcdir:-.}" && pwd)
build=$(cd "${top_builddir:-.}" && pwd)
fail() { echo "FAILED: $*"; exit 1; }
if [ ! -d "$srcdir/models/smollm2-135m" ]; then
    echo "SKIPPED: no models/smollm2-135m; ./quickstart makes it"
    exit 77
fi
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
command=$(sed -n 's,^    \(guerdon score --model models/smollm2-135m .*\),\1,p' "$srcdir/README.md")
[ "$(wc -l <<<"$command")" -eq 1 ] && [ -n "$command" ] || fail "README.md has no first command, or more than one"
sed -n '/^    guerdon score --model models/,/^$/p' "$srcdir/README.md" | sed -n 's/^    {/{/p' >"$work/want"
[ -s "$work/want" ] || fail "README.md shows no output"
(cd "$srcdir" && eval "$build/$command") >"$work/out" || fail "the command fails"
diff "$work/want" "$work/out" || fail "README.md (<) and the program (>) differ"
