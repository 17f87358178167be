#!/bin/sh
# install.sh - installs into a temporary directory, then follows README.md's section for C programmers: takes its
# example, compiles it with pkg-config's flags, and runs it on a model.  The header is also compiled as C++.
LC_ALL=C
export LC_ALL
srcdir=${srcdir:-.}
build=${top_builddir:-.}
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*"; exit 1; }
skip() { echo "SKIPPED: $*"; exit 77; }

. "$srcdir/tests/install/staged.sh"
flags=$(pkg-config --cflags --libs guerdon) || fail "pkg-config doesn't know guerdon"
library=$(dirname "$(find "$root" -name libguerdon.so)")

# the example is the whole C block of README.md
sed -n '/^```c$/,/^```$/p' "$srcdir/README.md" | sed '1d;$d' >"$work/scores.c"
lines=$(wc -l <"$work/scores.c")
[ "$lines" -ge 20 ] && [ "$lines" -le 40 ] || fail "README.md's example has $lines lines"
# shellcheck disable=SC2086 # splitting is intended
${CC:-cc} ${SANITIZER_FLAGS-} -std=c11 -Wall -Wextra -Werror "$work/scores.c" -o "$work/scores" $flags ||
    fail "README.md's example doesn't compile"
scores() { LD_LIBRARY_PATH=$library "$work/scores" "$@"; }

model=$srcdir/tests/data/golden/qwen2
scores "$model" 'Is tea hot?' 'a' >"$work/out" 2>"$work/err" || fail "the example: $(cat "$work/err")"
"$build/guerdon" score --model "$model" 'Is tea hot?' 'a' |
    sed 's/.*"score":\([^,]*\),.*/\1/' >"$work/want" || fail "guerdon score"
[ "$(wc -l <"$work/out")" -eq 2 ] || fail "the example prints $(cat "$work/out")"
# both print the shortest form of nine digits, so equal texts mean equal floats
diff "$work/want" "$work/out" || fail "the example and the program disagree"
scores "$work/none" x >"$work/out" 2>"$work/err" && fail "the example scores without a model"
grep -q "^scores: .*$work/none" "$work/err" || fail "the example says $(cat "$work/err")"

# the header by itself, as C and as C++
# shellcheck disable=SC2086
for language in c c++; do
    compiler=${CC:-cc}
    [ $language = c ] || compiler=${CXX:-c++}
    $compiler --version >/dev/null 2>&1 || { echo "skipped: no $compiler"; continue; }
    printf '#include <guerdon.h>\nint main(void) { gd_options o; gd_options_init(&o); return o.threads != 0; }\n' |
        $compiler ${SANITIZER_FLAGS-} -x $language -Wall -Wextra -pedantic -Werror - -x none $flags -o "$work/header" &&
        LD_LIBRARY_PATH=$library "$work/header" || fail "guerdon.h as $language"
done

# the program, its pages and its completions are installed
program=$(find "$root" -name guerdon -type f -perm -100)
# it starts by itself, and when it is copied: the loader doesn't have to find the library
cp "$program" "$work/copy"
env -i "$work/copy" backends >/dev/null || fail "a copy of the installed program doesn't start"
env -i "$program" --version | grep -q "^guerdon $(pkg-config --modversion guerdon)\$" ||
    fail "the installed program and guerdon.pc have different versions"
for page in guerdon guerdon-score guerdon-rank guerdon-filter guerdon-tokenize guerdon-inspect guerdon-merge guerdon-eval guerdon-compare guerdon-crosscheck guerdon-bench guerdon-backends; do
    [ -n "$(find "$root" -name "$page.1")" ] || fail "the page $page.1 isn't installed"
done
for completion in bash-completion/completions/guerdon zsh/site-functions/_guerdon \
    fish/vendor_completions.d/guerdon.fish; do
    [ -n "$(find "$root" -path "*/$completion")" ] || fail "the completion $completion isn't installed"
done
[ "$(find "$root" -name '*.h' | wc -l)" -eq 1 ] || fail "more than one header is installed"
echo "the example gives $(tr '\n' ' ' <"$work/want")"
