#!/bin/bash
# large.sh - the tests of test_large.py.
tests=test_large.py
. "${srcdir:-.}/tests/serve/run.sh"
