#!/bin/sh
# system.sh - builds the package against an installed library, as a distribution does: it doesn't contain the library
# then, and needs it at run time.
. "${srcdir:-.}/tests/python/common.sh"
[ -z "${SANITIZER_FLAGS-}" ] || skip "an interpreter without sanitizers can't load this library: $SANITIZER_FLAGS"
. "$srcdir/tests/install/staged.sh"
library=$(dirname "$(find "$root" -name libguerdon.so)")

copy_tree "$work/tree"
GUERDON_INSTALL=system "$python" -m pip install -q --no-build-isolation --no-deps --target "$work/site" \
    "$work/tree/python" >"$work/log" 2>&1 || { cat "$work/log"; fail "pip install"; }
export PYTHONPATH="$work/site"
"$python" -c 'import guerdon' 2>"$work/errors" && fail "the package works without the installed library"
grep -q libguerdon "$work/errors" || fail "without the installed library: $(tail -n 1 "$work/errors")"
model=$srcdir/tests/data/golden/qwen2
"$build/guerdon" score --quiet --model "$model" 'Is tea hot?' | sed 's/.*"score":\([^,]*\),.*/\1/' >"$work/want"
LD_LIBRARY_PATH=$library "$python" -c "
from guerdon import Model
score, = Model('$model').score(['Is tea hot?'])
print(f'{score:.9g}')" >"$work/found" || fail "the package doesn't work"
diff "$work/want" "$work/found" || fail "the program (<) and the package (>) disagree"
