#!/bin/sh
# style.sh - the tree follows its own rules, and its list of planted faults is up to date; skipped without Python.
command -v python3 >/dev/null || exit 77
python3 "${srcdir:-.}/tools/check-style" "${srcdir:-.}" && exec python3 "${srcdir:-.}/tools/plant-faults" --check
