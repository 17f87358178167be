#!/bin/sh
# tidy.sh - runs a test with an empty directory as TMPDIR, and fails the test if it leaves anything there.
TMPDIR=$(mktemp -d) || exit 99
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 99' HUP INT TERM
"$@"
status=$?
left=$(ls -A "$TMPDIR")
if [ -n "$left" ]; then
    echo "FAILED: $1 leaves files behind: $left"
    case $status in
    0 | 77) status=1 ;;
    esac
fi
exit "$status"
