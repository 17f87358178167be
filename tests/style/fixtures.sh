#!/bin/sh
# fixtures.sh - the golden models and merges are as their generators made them: a test that wrote into them would change
# what the others check.
set -u
srcdir=${srcdir:-.}
status=0

for dir in golden merge; do
    (cd "$srcdir/tests/data/$dir" && sha256sum --check --quiet SHA256SUMS) || status=1
done
exit $status
