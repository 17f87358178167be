#!/bin/sh
# style.sh - the tree follows the rules that tools/check-style checks; skipped without Python.
command -v python3 >/dev/null || exit 77
exec python3 "${srcdir:-.}/tools/check-style" "${srcdir:-.}"
