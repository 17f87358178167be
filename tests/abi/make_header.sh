#!/bin/sh
# make_header.sh - prints the current guerdon.h without its comments, to be kept with the earlier ones when a release is
# made: tests/abi/make_header.sh >tests/abi/guerdon-0.3.h, with the version of the release.
cd "$(dirname "$0")/../.." || exit 1
version=$(sed -n 's/^#define GD_VERSION "\(.*\)"/\1/p' src/include/guerdon.h)
{
    echo "/* guerdon.h of version $version without its comments, as printed by make_header.sh: what a program compiled"
    echo " * with that version knows.  This file never changes. */"
    ${CC:-cc} -w -fpreprocessed -dD -E -P src/include/guerdon.h | sed '/^#define __/d;/^#undef __/d'
} | clang-format
