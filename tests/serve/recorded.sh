#!/bin/bash
# recorded.sh - the tests of test_recorded.py.
tests=test_recorded.py
. "${srcdir:-.}/tests/serve/run.sh"
