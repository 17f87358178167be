#!/bin/sh
# exports.sh - the library gives away the names in src/guerdon.sym and the header declares, and no other.
LC_ALL=C
export LC_ALL
srcdir=${srcdir:-.}
library=${top_builddir:-.}/.libs/libguerdon.so
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
if ! nm --version >/dev/null 2>&1 || [ ! -f "$library" ]; then
    echo "SKIPPED: there is no nm, or no shared library"
    exit 77
fi
sort "$srcdir/src/guerdon.sym" >"$work/listed"
# A sanitizer's own names, which begin with two underscores, are not ours.
nm -D --defined-only "$library" | awk '{ print $NF }' | sed 's/@.*//' | grep -v '^_' | sort >"$work/exported"
sed -n 's/^GD_API .*[ *]\(gd_[a-z_]*\)(.*/\1/p' "$srcdir/src/include/guerdon.h" | sort >"$work/declared"
status=0
diff "$work/listed" "$work/exported" || { echo "FAILED: guerdon.sym (<) and the library's exports (>) differ"; status=1; }
diff "$work/listed" "$work/declared" || { echo "FAILED: guerdon.sym (<) and guerdon.h (>) differ"; status=1; }
exit $status
