#!/bin/sh
# style.sh - the tree keeps its own rules; skipped without Python.
command -v python3 >/dev/null || exit 77
exec python3 "${srcdir:-.}/tools/check-style" "${srcdir:-.}"
