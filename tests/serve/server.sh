#!/bin/bash
# server.sh - the tests of test_server.py.
tests=test_server.py
. "${srcdir:-.}/tests/serve/run.sh"
