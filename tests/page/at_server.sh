#!/bin/sh
# at_server.sh - the page of the server, in a headless Chromium: at_server.py.
LC_ALL=C.UTF-8
export LC_ALL
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then
    echo 'SKIPPED: the page is looked at by a script for Python 3.8 or later'
    exit 77
fi
srcdir=${srcdir:-.} build=${top_builddir:-.}
exec python3 -B "$srcdir/tests/page/at_server.py" "$build/src/serve/page.c" "$build/guerdon" \
    "$srcdir/tests/data/golden/qwen2"
