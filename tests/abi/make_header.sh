#!/bin/sh
# make_header.sh - prints today's guerdon.h without its comments, to be kept beside the earlier ones when a release is
# made: tests/abi/make_header.sh >tests/abi/guerdon-0.3.h, with the version of the release.
cd "$(dirname "$0")/../.." || exit 1
version=$(sed -n 's/^#define GD_VERSION "\(.*\)"/\1/p' src/include/guerdon.h)
{
    echo "/* guerdon.h of version $version without its comments, as make_header.sh printed it: what a program that was"
    echo " * compiled then knows.  It never changes. */"
    ${CC:-cc} -w -fpreprocessed -dD -E -P src/include/guerdon.h | sed '/^#define __/d;/^#undef __/d'
} | clang-format
