#!/bin/sh
# hooks.sh - the hooks of the package in the packages that they are for, from the environment HOOKS=DIR, which
# python/tests/setup-hooks makes.  What it lacks is skipped, with a sentence; without HOOKS, everything is.
[ -n "${HOOKS-}" ] || { echo "SKIPPED: no environment with TRL, Ray and others: set HOOKS=DIR, made by python/tests/setup-hooks"; exit 77; }
[ -x "$HOOKS/bin/python" ] || { echo "FAILED: HOOKS=$HOOKS has no bin/python"; exit 1; }
. "${srcdir:-.}/tests/python/common.sh"
[ -z "${SANITIZER_FLAGS-}" ] || skip "other packages' libraries are loaded, which know no sanitizers"
[ -f "$build/.libs/libgd-core.a" ] || skip "no $build/.libs/libgd-core.a"

copy_tree "$work/tree"
GUERDON_BUILD=$build "$python" -m pip wheel -q --no-build-isolation --no-deps -w "$work/wheels" "$work/tree/python" \
    >"$work/log" 2>&1 || { cat "$work/log"; fail "pip wheel"; }
"$python" -m pip install -q --no-deps --target "$work/site" "$work"/wheels/*.whl >"$work/log" 2>&1 ||
    { cat "$work/log"; fail "pip install"; }

export TMPDIR="$work" GUERDON_TREE="$srcdir" GUERDON_PROGRAM="$build/guerdon" PYTHONPATH="$work/site" PYTHONDONTWRITEBYTECODE=1 HF_HUB_OFFLINE=1
cp -R "$srcdir/python/tests" "$work/tests" && cd "$work/tests" || exit 99
failed=0
# run FILE: a process each, since these packages have threads and exits of their own.
run()
{
    "$HOOKS/bin/python" -m unittest -b -v "${1%.py}" >"$work/out" 2>&1 && status=0 || status=$?
    grep ' \.\.\. skipped \|^Ran ' "$work/out" | sed "s/^/$1: /"
    [ "$status" -eq 0 ] || { failed=1; echo "FAILED: $1"; cat "$work/out"; }
}
for file in test_hooks_*.py; do
    run "$file"
done
PYTHONPATH=$HOOKS/rubric:$work/site
[ ! -d "$HOOKS/rubric" ] || run test_hooks_verifiers.py
exit $failed
