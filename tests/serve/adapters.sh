#!/bin/bash
# adapters.sh - the tests of test_adapters.py.
tests=test_adapters.py
. "${srcdir:-.}/tests/serve/run.sh"
