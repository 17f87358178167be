# shellcheck shell=sh
# common.sh - what the tests of the package share; sourced.  It sets python, an interpreter in build/venv with what
# builds the package, and skips the test if there can't be one.
LC_ALL=C.UTF-8
export LC_ALL
srcdir=$(cd "${srcdir:-.}" && pwd)
build=$(cd "${top_builddir:-.}" && pwd)
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*"; exit 1; }
skip() { echo "SKIPPED: $*"; exit 77; }

python=$build/venv/bin/python
wanted='setuptools>=77.0.3 wheel cffi>=1.15.1'
PIP_DISABLE_PIP_VERSION_CHECK=1
export PIP_DISABLE_PIP_VERSION_CHECK

# Two tests may come here at once: the first makes the environment, the other one waits.
make_venv() {
    [ ! -f "$build/venv/ready" ] || return 0
    rm -rf "$build/venv"
    python3 -m venv "$build/venv" >"$work/log" 2>&1 || return 1
    # shellcheck disable=SC2086 # a list
    "$python" -m pip install -q $wanted >"$work/log" 2>&1 || return 1
    "$python" -m pip install -q numpy >"$work/log" 2>&1 || echo "without numpy: $(tail -n 1 "$work/log")"
    : >"$build/venv/ready"
}

python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || skip "no Python 3.10 or later"
header=$(python3 -c 'import sysconfig; print(sysconfig.get_path("include") + "/Python.h")')
[ -f "$header" ] || skip "no $header, for extensions in C"
command -v flock >/dev/null || skip "no flock"
exec 9>"$build/venv.lock"
flock 9
make_venv || skip "no environment with $wanted: $(tail -n 1 "$work/log")"
flock -u 9

# copy_tree DIR: the source tree as links, but for its folder python, in which the build writes.
copy_tree() {
    mkdir "$1" && ln -s "$srcdir"/* "$1" || fail "no copy of the tree"
    rm -f "$1/python"
    cp -R "$srcdir/python" "$1/python"
    chmod -R u+w "$1/python"
    rm -rf "$1/python/build" "$1/python/dist" "$1"/python/*.egg-info
}
