#!/bin/bash
# mixes.sh - the tests of test_mixes.py.
tests=test_mixes.py
. "${srcdir:-.}/tests/serve/run.sh"
