#!/bin/sh
# hooks.sh - the hooks of the package in the packages that they are for.  Those of the environment HOOKS=DIR, which
# python/tests/setup-hooks makes; without HOOKS, those that are small enough to get them here, in build/hooks.  What is
# lacking is skipped, with a sentence.
. "${srcdir:-.}/tests/python/common.sh"
[ -z "${SANITIZER_FLAGS-}" ] || skip "other packages' libraries are loaded, which know no sanitizers"
[ -f "$build/.libs/libgd-core.a" ] || skip "no $build/.libs/libgd-core.a"
if [ -n "${HOOKS-}" ]; then
    [ -x "$HOOKS/bin/python" ] || fail "HOOKS=$HOOKS has no bin/python"
else
    HOOKS=$build/hooks
    setup=$srcdir/python/tests/setup-hooks
    cmp -s "$setup" "$HOOKS/ready" || "$setup" --light "$HOOKS" >"$work/log" 2>&1 ||
        skip "no environment with pyarrow, Ray and others in $HOOKS: $(tail -n 1 "$work/log")"
    grep '^setup-hooks: ' "$work/log" 2>/dev/null
    echo "with pyarrow, datasets, Ray and verifiers alone; for TRL, verl, Spark and Transformers: make check-hooks"
fi

copy_tree "$work/tree"
GUERDON_BUILD=$build "$python" -m pip wheel -q --no-build-isolation --no-deps -w "$work/wheels" "$work/tree/python" \
    >"$work/log" 2>&1 || { cat "$work/log"; fail "pip wheel"; }
"$python" -m pip install -q --no-deps --target "$work/site" "$work"/wheels/*.whl >"$work/log" 2>&1 ||
    { cat "$work/log"; fail "pip install"; }

# The package says that it has types, by py.typed.
if "$HOOKS/bin/python" -c 'import mypy' 2>/dev/null; then
    (cd "$work/tree/python" && "$HOOKS/bin/python" -m mypy --cache-dir "$work/mypy" -p guerdon) >"$work/out" 2>&1 ||
        { cat "$work/out"; fail "the types of the package"; }
    echo "types: $(tail -n 1 "$work/out")"
else
    echo "types: SKIPPED: no mypy in $HOOKS"
fi

# HOME, since some of these packages write there.
export HOME="$work" TMPDIR="$work" GUERDON_TREE="$srcdir" GUERDON_PROGRAM="$build/guerdon" PYTHONPATH="$work/site" \
    PYTHONDONTWRITEBYTECODE=1 HF_HUB_OFFLINE=1
cp -R "$srcdir/python/tests" "$work/tests" && cd "$work/tests" || exit 99
failed=0
# run FILE: a process each, since these packages have threads and exits of their own.
run()
{
    "$HOOKS/bin/python" -m unittest -b -v "${1%.py}" >"$work/out" 2>&1 && status=0 || status=$?
    # Python 3.12 and later exit with 5 if every test was skipped
    [ "$status" -ne 5 ] || status=0
    sed -n "s/^.* \.\.\. skipped [\"']\(.*\)[\"']$/$1: SKIPPED: \1/p; s/^Ran /$1: ran /p" "$work/out" | uniq
    [ "$status" -eq 0 ] || { failed=1; echo "FAILED: $1"; cat "$work/out"; }
}
for file in test_hooks_*.py; do
    run "$file"
done
PYTHONPATH=$HOOKS/rubric:$work/site
[ ! -d "$HOOKS/rubric" ] || run test_hooks_verifiers.py
exit $failed
