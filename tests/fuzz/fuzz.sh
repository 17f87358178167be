#!/bin/bash
# fuzz.sh - fuzzes one target, built with libFuzzer, for GD_FUZZ_SECONDS (5), or GD_FUZZ_RUNS times.
#
#   tests/fuzz/fuzz.sh tests/fuzz/fuzz_NAME     in the build directory
#
# It begins with the stored inputs, and with those that earlier runs in this build directory found. An input that fails is
# kept there, and named; run the program with it to see the failure again, and store it in tests/fuzz/corpus/NAME.
set -eu
program=$1
name=${program##*/fuzz_}
found=tests/fuzz/found/$name
limit=(-max_total_time="${GD_FUZZ_SECONDS:-5}")
[ -n "${GD_FUZZ_RUNS-}" ] && limit=(-runs="$GD_FUZZ_RUNS")

mkdir -p "$found"
# In memory: on a disk, writing the input takes longer than reading it.
TMPDIR=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
"$program" "${limit[@]}" -max_len=4096 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix="$found-" "$found" "${srcdir:-.}/tests/fuzz/corpus/$name"
