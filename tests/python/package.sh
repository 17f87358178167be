#!/bin/sh
# package.sh - builds the package for Python, with the library of this build, as a wheel, installs it, and runs its
# tests.
. "${srcdir:-.}/tests/python/common.sh"
case ${SANITIZER_FLAGS-} in
*address*)
    LD_PRELOAD=$(${CC:-cc} -print-file-name=libasan.so)
    ASAN_OPTIONS=detect_leaks=0 # the interpreter's own
    tested="env LD_PRELOAD=$LD_PRELOAD ASAN_OPTIONS=$ASAN_OPTIONS"
    unset LD_PRELOAD
    ;;
'') tested= ;;
*) skip "an interpreter without sanitizers can't load this library: $SANITIZER_FLAGS" ;;
esac
[ -f "$build/.libs/libgd-core.a" ] || skip "no $build/.libs/libgd-core.a"

copy_tree "$work/tree"
GUERDON_BUILD=$build "$python" -m pip wheel -q --no-build-isolation --no-deps -w "$work/wheels" "$work/tree/python" \
    >"$work/log" 2>&1 || { cat "$work/log"; fail "pip wheel"; }
wheel=$(echo "$work"/wheels/*.whl)
case $wheel in
*/guerdon-[0-9]*-cp310-abi3-*.whl) ;;
*) fail "the wheel is called $wheel" ;;
esac
"$python" -m pip install -q --no-deps --target "$work/site" "$wheel" >"$work/log" 2>&1 ||
    { cat "$work/log"; fail "pip install"; }
for file in py.typed _guerdon.abi3.so _guerdon.pyi; do
    [ -f "$work/site/guerdon/$file" ] || fail "the wheel lacks $file"
done
[ -n "$(find "$work/site" -name 'LICENSE*')" ] || fail "the wheel lacks the licence"
nm -D --defined-only "$work/site/guerdon/_guerdon.abi3.so" >"$work/names" 2>/dev/null &&
    grep -v ' PyInit__guerdon$' "$work/names" | grep ' [TDBR] ' | grep -v ' _\(init\|fini\|edata\|end\)$\| __' &&
    fail "the extension exports names of the library"

cp -R "$srcdir/python/tests" "$work/tests"
# shellcheck disable=SC2086 # a command and its arguments
(cd "$work/tests" && GUERDON_TREE=$srcdir GUERDON_PROGRAM=$build/guerdon \
    PYTHONPATH=$work/site PYTHONDONTWRITEBYTECODE=1 $tested "$python" -W error::ResourceWarning -m unittest -b 2>&1) ||
    fail "the tests of the package"
