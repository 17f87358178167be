#!/bin/bash
# routes.sh - the tests of test_routes.py.
tests=test_routes.py
. "${srcdir:-.}/tests/serve/run.sh"
