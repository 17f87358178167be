#!/bin/bash
# soak.sh [MINUTES [FILE.html]] - soak.py; `make check-soak` runs it.
tests=soak.py
. "${srcdir:-.}/tests/serve/run.sh"
