#!/bin/bash
# bad_requests.sh - the tests of test_bad_requests.py.
tests=test_bad_requests.py
. "${srcdir:-.}/tests/serve/run.sh"
