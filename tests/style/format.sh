#!/bin/sh
# format.sh - every C file is formatted as .clang-format says; skipped without clang-format 14, whose output may differ
# from that of other versions.
cd "${srcdir:-.}" || exit 99
format=
for f in clang-format-14 clang-format; do
    command -v "$f" >/dev/null && case $("$f" --version) in *" 14."*) format=$f ;; esac
    [ -n "$format" ] && break
done
[ -n "$format" ] || { echo "skipped: clang-format 14 is not installed"; exit 77; }
find src backends quant-free tests bench -name '*.[ch]' ! -path 'src/text/unicode/*' -exec "$format" --dry-run -Werror {} +
