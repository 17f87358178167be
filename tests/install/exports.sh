#!/bin/sh
# exports.sh - the library exports exactly the names that src/guerdon.map lists and guerdon.h declares, each with the
# version that the map gives it if the linker supports versions.
LC_ALL=C
export LC_ALL
srcdir=${srcdir:-.}
library=${top_builddir:-.}/.libs/libguerdon.so
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
if ! nm --version >/dev/null 2>&1 || [ ! -f "$library" ]; then
    echo "SKIPPED: no nm, or no shared library"
    exit 77
fi
awk '/^GUERDON_/ { node = $1 } /^ *gd_/ { sub(";", "", $1); print $1 "@@" node }' "$srcdir/src/guerdon.map" |
    sort >"$work/versioned"
sed 's/@.*//' "$work/versioned" >"$work/listed"
# Skip a sanitizer's own names, which begin with two underscores, and the map's nodes, which nm lists as names.
nm -D --defined-only "$library" | awk '{ print $NF }' | grep -v '^_\|^GUERDON_' | sort >"$work/exported"
sed 's/@.*//' "$work/exported" >"$work/names"
sed -n 's/^GD_API .*[ *]\(gd_[a-z_]*\)(.*/\1/p' "$srcdir/src/include/guerdon.h" | sort >"$work/declared"
status=0
diff "$work/listed" "$work/names" || { echo "FAILED: guerdon.map (<) and the library's exports (>) differ"; status=1; }
diff "$work/listed" "$work/declared" || { echo "FAILED: guerdon.map (<) and guerdon.h (>) differ"; status=1; }
# nm shows versions since binutils 2.35
if [ "${SYMBOL_VERSIONS-}" = yes ] && nm --version | grep -q 'GNU.* 2\.\(3[5-9]\|[4-9]\)'; then
    diff "$work/versioned" "$work/exported" || { echo "FAILED: guerdon.map's versions (<) and the library's (>) differ"; status=1; }
fi
exit $status
