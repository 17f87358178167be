# run.sh - runs the tests of a Python file here: sourced by the scripts that make check runs.
set -u
guerdon=$(realpath "${top_builddir:-.}/guerdon")
here=$(realpath "${srcdir:-.}")
command -v python3 >/dev/null || { echo 'SKIPPED: no python3'; exit 77; }
case $("$guerdon" serve --model none 2>&1) in
*'needs libmicrohttpd'*) echo 'SKIPPED: built without libmicrohttpd'; exit 77 ;;
esac
GUERDON=$guerdon TEST_DATA=$here/tests/data PYTHONDONTWRITEBYTECODE=1 exec python3 "$here/tests/serve/$tests" "$@"
