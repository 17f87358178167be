#!/bin/sh
# summary.sh - what is printed about a run, and about a result that is there: nothing that says nothing.
LC_ALL=C
export LC_ALL
guerdon=${top_builddir:-.}/guerdon
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
failed=0
fail() { failed=1; echo "FAILED: $*"; sed 's/^/    /' "$work/says"; }

# make N: N pairs with margins from 0 to N - 1, of which nobody has computed anything now
make()
{
    awk -v n="$1" -v dir="$work" 'BEGIN {
        for (i = 0; i < n; i++) {
            print "{\"chosen\":\"a\",\"rejected\":\"b\"}" >(dir "/pairs")
            printf "{\"index\":%d,\"chosen\":%d,\"rejected\":0,\"margin\":%d,\"tokens\":[1,1]}\n", i, i, i >(dir "/scores")
        }
    }'
}

# filter FLAGS: what it says of these
filter() { "$guerdon" filter --from-scores "$work/scores" --input "$work/pairs" "$@" >"$work/out" 2>"$work/says"; }

# no more lines than a few items can fill
for row in '1 0' '9 0' '10 5' '19 5' '20 10' '39 10' '40 20' '60 20'; do
    make "${row% *}"
    filter --min-margin 0 || fail "filter of ${row% *} items: status $?"
    [ "$(grep -c '#' "$work/says")" -eq "${row#* }" ] || fail "filter of ${row% *} items: not ${row#* } bars"
    grep -q ' $' "$work/says" && fail 'spaces at the end of a line'
    ! grep -q 'tokens/s' "$work/says" || fail 'filter prints a rate of scores that were there'
done
make 9
filter --top-fraction 0.5
grep -q '^margin from 0 to 8, mean 4$' "$work/says" || fail 'filter of 9 items: no least, largest and mean'
make 1
filter --top-fraction 0.5
grep -q '^margin 0: all that have one$' "$work/says" || fail 'filter of 1 item'

# what the top is chosen by
printf '{"text":"a"}\n{"text":"b"}\n' >"$work/pairs"
printf '{"index":%d,"score":%d,"tokens":1}\n' 0 0 1 1 >"$work/scores"
filter --top-fraction 0.5
grep -q '^score from 0 to 1, mean 0.5$' "$work/says" || fail 'the top of texts is not by score'
echo '{"chosen":"a","rejected":"b"}' >>"$work/pairs"
echo '{"index":2,"chosen":2,"rejected":0,"margin":2,"tokens":[1,1]}' >>"$work/scores"
filter --top-fraction 0.5
grep -q '^score or margin from 0 to 2, mean 1$' "$work/says" || fail 'the top of texts and pairs is not by either'

# bench: budgets of a small model are told apart
cat >"$work/bench.json" <<'END'
{"format":"guerdon-bench/1","matmul":{"products":[{"m":1,"of_limit":0.5,"gflops":2},{"m":4,"of_limit":0.5,"gflops":2}]},
"memory":{"peak_resident_bytes":20971520,"budgets":[{"budget_bytes":31457280,"rows_per_s":5,"weights":"streamed"},
{"budget_bytes":33554432,"rows_per_s":6,"weights":"resident"},
{"budget_bytes":3221225472,"rows_per_s":6,"weights":"resident"}]}}
END
"$guerdon" bench --from "$work/bench.json" >"$work/says" || fail "bench --from: status $?"
for line in 'products           1 row: up to 2.0 GFLOP/s, 0.50 to 0.50 of what is attainable' \
    'products           4 rows: up to 2.0 GFLOP/s, 0.50 to 0.50 of what is attainable' \
    'memory          20.0 MiB at most' \
    'rows/s, budget  30.0 MiB: 5 rows/s, streamed' \
    '                32.0 MiB: 6 rows/s, resident' \
    '                3.00 GiB: 6 rows/s, resident'; do
    grep -qxF "$line" "$work/says" || fail "bench does not say '$line'"
done
exit $failed
