#!/bin/sh
# usage.sh - errors for wrong command lines, the help, and whether the man pages list the same flags.
# No model is needed: everything here fails or ends before one is opened.
LC_ALL=C
export LC_ALL
guerdon=${top_builddir:-.}/guerdon
doc=${top_builddir:-.}/doc
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

# verdict NAME: counts the preceding command as passed or failed, by its status
verdict()
{
    if [ $? -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $1"
    fi
}

# run ARGUMENTS: leaves the output, the errors and the status in $work
run()
{
    "$guerdon" "$@" >"$work/out" 2>"$work/err" </dev/null
    echo $? >"$work/status"
}

# refuses STATUS MESSAGE ARGUMENTS: expects that status, exactly that line on standard error, and no output
refuses()
{
    wanted=$1
    sentence=$2
    shift 2
    run "$@"
    printf '%s\n' "$sentence" >"$work/want"
    cmp -s "$work/want" "$work/err" && [ ! -s "$work/out" ] && [ "$(cat "$work/status")" = "$wanted" ]
    verdict "guerdon $*: $(cat "$work/status") $(cat "$work/err")"
}

# shows STRING ARGUMENTS: expects status 0, the string in the output, and nothing on standard error
shows()
{
    pattern=$1
    shift
    run "$@"
    grep -qF -e "$pattern" "$work/out" && [ ! -s "$work/err" ] && [ "$(cat "$work/status")" = 0 ]
    verdict "guerdon $*: no '$pattern'"
}

refuses 2 'guerdon: no command given; guerdon --help lists them'
refuses 2 'guerdon: there is no command scor; did you mean score?' scor
refuses 2 'guerdon: there is no command tokenise; did you mean tokenize?' tokenise
refuses 2 'guerdon: there is no command publish-all; guerdon --help lists them' publish-all
refuses 2 'guerdon: there is no command --verbose; guerdon --help lists them' --verbose

for word in help --help version --version; do
    shows 'Usage: guerdon COMMAND [FLAGS]' help $word
done
refuses 2 'guerdon: there is no command scor; did you mean score?' help scor

refuses 2 'guerdon: score has no flag --modle; did you mean --model?' score --modle DIR
refuses 2 'guerdon: --max-length=long: expected a whole number, at least 1' score --max_length=long
refuses 2 'guerdon: score has no flag --trunc; did you mean --truncate?' score --trunc left
refuses 2 'guerdon: score has no flag --gpu-layers; guerdon score --help lists them' score --gpu-layers 3
refuses 2 'guerdon: score has no flag --; guerdon score --help lists them' score --=x
refuses 2 'guerdon: tokenize has no flag --backend; guerdon tokenize --help lists them' tokenize --backend cpu
refuses 2 'guerdon: -m is not a flag: flags begin with --, and a text that begins with - goes after --' score -m DIR

refuses 2 'guerdon: --model needs a value: --model DIR' score --model
refuses 2 'guerdon: --model needs a value: --model DIR' score --model=
refuses 2 'guerdon: --model needs a value: --model DIR' score --model ''
refuses 2 'guerdon: --model needs a value, but the flag --quiet follows: --model DIR' score --model --quiet
refuses 2 'guerdon: --model needs a value, but --odd follows; write --model=--odd if that is the value' score --model --odd
refuses 2 'guerdon: --quiet takes no value' score --quiet=yes
refuses 2 'guerdon: --model is given twice' score --model a --model b
refuses 2 'guerdon: --model is missing: --model DIR' score --quiet --quiet text

refuses 2 'guerdon: --truncate=middle: expected error|left|right|drop|oldest-turns' score --truncate middle
refuses 2 'guerdon: --truncate=err: expected error|left|right|drop|oldest-turns' score --truncate err
refuses 2 'guerdon: --add-eos=yes: expected never|auto|always' score --add-eos yes
refuses 2 'guerdon: --precision=fp16: expected bf16|fp32' score --precision=fp16
refuses 2 'guerdon: --precision=bf16|fp32: expected bf16|fp32' score --precision='bf16|fp32'
refuses 2 'guerdon: --numerics=quick: expected exact|tensor|tensor8|fast' score --numerics quick
refuses 2 'guerdon: --backend=rocm: expected auto|cpu|cuda|openblas|onednn' score --backend rocm
refuses 2 'guerdon: --isa=sse: expected auto|generic|avx2|avx512|avx512bf16|neon' score --isa sse
refuses 2 'guerdon: --format=xls: expected auto|jsonl|json|csv|tsv|text' score --format xls
refuses 2 'guerdon: --share-prefix=no: expected on|off' score --share-prefix no

for bad in 0 -1 +1 1.5 1e3 0x10 8k ' 8' 99999999999999999999; do
    refuses 2 "guerdon: --max-length=$bad: expected a whole number, at least 1" score "--max-length=$bad"
done
refuses 2 'guerdon: --threads=4294967296: expected a whole number, at least 1' score --threads 4294967296
refuses 2 'guerdon: --batch-tokens=many: expected a whole number, at least 1' score --batch-tokens many

for size in 0 x -1 2X 2GBB 2iB G 1e99 0x10 '2 G' nan; do
    refuses 2 "guerdon: --memory=$size: expected a number of bytes, such as 2G, 1.5G or 900M" \
        score --model DIR "--memory=$size" text
done

refuses 2 'guerdon: --model is missing: --model DIR' score text
refuses 2 'guerdon: --model is missing: --model DIR' tokenize text
refuses 2 'guerdon: --model is missing: --model DIR, or --graph or --head to describe one of these' inspect
refuses 2 'guerdon: give either texts or --input, not both' score --model DIR --input FILE text
refuses 2 'guerdon: --format is for an input file; texts on the command line are taken as they are' \
    score --model DIR --format text text
refuses 2 'guerdon: inspect takes only flags, not DIR; --model DIR?' inspect DIR
refuses 2 'guerdon: --model is missing: --model DIR' bench --quick
refuses 2 'guerdon: bench takes only flags, not DIR; --model DIR?' bench DIR
refuses 2 'guerdon: give either --quick or --seconds, not both' bench --model DIR --quick --seconds 5
refuses 2 'guerdon: --report needs a file name: standard output is for the figures' bench --model DIR --report -
refuses 2 'guerdon: --seconds=0: expected a whole number, at least 1' bench --model DIR --seconds 0
for flag in '--model DIR' '--adapter LORA' '--input FILE' '--threads 2' '--quick' '--only matmul' '--truncate left'; do
    refuses 2 "guerdon: ${flag%% *} has no effect on an earlier result: leave out either it or --from" \
        bench --from FILE $flag
done
GUERDON_MODEL=DIR GUERDON_THREADS=2
export GUERDON_MODEL GUERDON_THREADS # only defaults
refuses 3 'guerdon: /nonexistent/bench.json: No such file or directory' bench --from /nonexistent/bench.json
unset GUERDON_MODEL GUERDON_THREADS
for flag in '--fields text=a' '--format csv' '--chat-format hh' '--turns on' '--truncate left'; do
    refuses 2 "guerdon: ${flag%% *} has no effect on texts of random words: it needs --input FILE" \
        bench --model DIR $flag
done
for command in score tokenize; do
    refuses 2 'guerdon: --fields is for an input file; texts on the command line are taken as they are' \
        $command --model DIR --fields text=a text
done
for pairs in all best-worst; do
    refuses 2 'guerdon: --seed is for --pairs best-random, the only ones that are drawn' \
        rank --model DIR --pairs $pairs --seed 1
done
refuses 2 'guerdon: merge has no flag --chat-format; guerdon merge --help lists them' merge --chat-format hh
refuses 3 'guerdon: /nonexistent/bench.json: No such file or directory' bench --from /nonexistent/bench.json
refuses 3 'guerdon: /nonexistent/page.html: No such file or directory' bench --model DIR --report /nonexistent/page.html
refuses 2 'guerdon: --model is missing: --model DIR' merge
refuses 2 'guerdon: --adapter is missing: --adapter DIR' merge --model DIR
refuses 2 'guerdon: --output is missing: --output DIR' merge --model DIR --adapter LORA
refuses 2 'guerdon: merge takes only flags, not DIR' merge --model DIR --adapter LORA DIR
refuses 2 'guerdon: backends takes only flags, not all' backends all
refuses 2 'guerdon: models takes only flags, not all' models all
refuses 2 'guerdon: --model is missing: --model DIR' eval --input FILE
for command in 'rank' 'filter --min-score 0' 'eval'; do
    refuses 2 'guerdon: --model has no effect on scores that are there: leave out either it or --from-scores' \
        $command --input FILE --model DIR --from-scores S
    refuses 2 'guerdon: --truncate has no effect on scores that are there: leave out either it or --from-scores' \
        $command --input FILE --from-scores S --truncate left
    refuses 2 'guerdon: --dry-run has no effect on scores that are there: leave out either it or --from-scores' \
        $command --input FILE --from-scores S --dry-run
    refuses 2 'guerdon: --skip-unscored needs --from-scores' $command --input FILE --model DIR --skip-unscored
    GUERDON_MODEL=DIR GUERDON_ISA=avx2
    export GUERDON_MODEL GUERDON_ISA # only defaults
    refuses 3 'guerdon: S: No such file or directory' $command --input FILE --from-scores S
    unset GUERDON_MODEL GUERDON_ISA
done
refuses 2 "guerdon: --calibrate writes to the model's directory: with --from-scores, use --calibrate-output FILE" \
    eval --input FILE --from-scores S --calibrate
refuses 2 'guerdon: --keep needs --scores FILE, whose lines get the fields' eval --model DIR --input FILE --keep id
refuses 2 'guerdon: eval takes only flags, not FILE; --input FILE?' eval --model DIR FILE
refuses 2 'guerdon: --scores needs a file name: standard output is for the figures' eval --model DIR --scores -
refuses 2 'guerdon: --report needs a file name: standard output is for the figures' eval --model DIR --report=-
refuses 2 'guerdon: --calibrate-output needs a file name: standard output is for the figures' \
    eval --model DIR --calibrate-output -
refuses 3 "guerdon: org/name is not a directory, so --calibrate can't write to it: use --calibrate-output FILE" \
    eval --model org/name --input FILE --calibrate
refuses 2 'guerdon: compare takes two files of scores, not 1: compare A.jsonl B.jsonl' compare A
refuses 2 'guerdon: compare takes two files of scores, not 0: compare A.jsonl B.jsonl' compare
refuses 2 'guerdon: --report needs a file name: standard output is for the figures' compare A B --report -
refuses 2 'guerdon: --model is missing: --model DIR' train
refuses 2 'guerdon: --train is missing: --train FILE' train --model DIR
refuses 2 'guerdon: --output is missing: --output DIR' train --model DIR --train FILE
refuses 2 'guerdon: train takes only flags, not DIR' train DIR
refuses 2 "guerdon: train takes only flags, not $0; for several files, put a pattern in quotes: --train 'data/*.jsonl' or\
 '{a,b}.jsonl'" train --model DIR --train "$0" "$0"
refuses 2 "guerdon: --train is given twice; for several files, put a pattern in quotes: --train 'data/*.jsonl' or\
 '{a,b}.jsonl'" train --train a --train b
refuses 2 'guerdon: --lora-r is given twice' train --lora-r 1 --lora-r 2
refuses 2 'guerdon: --lora-r=0: expected a whole number, at least 1' train --lora-r 0
refuses 2 'guerdon: --learning-rate=fast: expected a number, such as 0.5 or -2' train --learning-rate fast
refuses 2 'guerdon: --schedule=step: expected cosine|linear|constant' train --schedule step
refuses 2 'guerdon: --checkpoint-layers=1: expected auto|on|off' train --checkpoint-layers 1
refuses 2 'guerdon: --compat=hf: expected trl' train --compat hf
refuses 2 'guerdon: --eval needs a value: --eval [NAME=]FILE' train --eval
refuses 2 'guerdon: train has no flag --adapter; it is called --init-adapter here: the directory of an adapter to begin with' \
    train --adapter DIR
refuses 2 'guerdon: train has no flag --num_train_epochs; it is called --epochs here' train --num_train_epochs 3
refuses 2 "guerdon: train has no flag --lora-dropout; dropout is not supported; TRL's RewardTrainer turns it off, too" \
    train --lora-dropout 0.1
refuses 2 'guerdon: --learning-rate=fast: expected a number, such as 0.5 or -2' train --learning_rate fast
refuses 2 'guerdon: train has no flag --num-train-epochs; it is called --epochs here
guerdon: train has no flag --bf16; True is what is done anyway: leave it out
guerdon: train has no flag --beta; a pair'"'"'s loss is of the plain difference of its scores: leave it out
guerdon: train has no flag --disable_dropout; there is no dropout, which is not supported: leave it out
guerdon: train has no flag --use-peft; true is what is done anyway: leave it out
guerdon: --epochs=x: expected a number, such as 0.5 or -2' \
    train --num-train-epochs=3 --bf16 True --beta 0.1 --lora_r 8 --disable_dropout --use-peft=true --epochs x
refuses 2 'guerdon: train has no flag --use-peft; a LoRA adapter and the head are what is trained, or every weight with --full' \
    train --full --use-peft true
refuses 2 'guerdon: train takes only flags, not mine.yaml; --recipe mine.yaml?' train mine.yaml
refuses 2 'guerdon: train takes only flags, not v_proj; names of modules have commas between them: --lora-targets q_proj,v_proj' \
    train --lora-targets q_proj v_proj
refuses 2 'guerdon: train takes only flags, not true; a switch such as --full has no value' train --full true
refuses 2 'guerdon: train has no flag --learning-rte; did you mean --learning-rate?' train --learning-rte 1
refuses 3 'guerdon: /nonexistent/r.yaml: No such file or directory' train --recipe /nonexistent/r.yaml
GUERDON_RECIPE=/nonexistent/r.yaml
export GUERDON_RECIPE
refuses 3 'guerdon: /nonexistent/r.yaml: No such file or directory' inspect
unset GUERDON_RECIPE
for flag in '--eval FILE' '--full' '--lora-r 8' '--epochs 2' '--fields a=b' '--compat trl'; do
    refuses 2 "guerdon: ${flag%% *} is for a training run: it needs --train FILE" inspect --model DIR $flag
done
refuses 2 'guerdon: --adapter is not for a training run, which begins with an adapter by --init-adapter' \
    inspect --model DIR --train FILE --adapter LORA
refuses 2 'guerdon: inspect takes only flags, not DIR' inspect --train FILE DIR
refuses 2 'guerdon: both files are standard input; expected two different files' compare - -
refuses 3 'guerdon: /nonexistent/a.jsonl: No such file or directory' compare /nonexistent/a.jsonl /nonexistent/b.jsonl

# a flag that the command line lacks comes from the environment
GUERDON_PRECISION=fp16
export GUERDON_PRECISION
refuses 2 'guerdon: --precision=fp16: expected bf16|fp32' score text
refuses 2 'guerdon: --model is missing: --model DIR' score --precision bf16 text
refuses 2 'guerdon: --model is missing: --model DIR' tokenize text
GUERDON_PRECISION=
refuses 2 'guerdon: --model is missing: --model DIR' score text
unset GUERDON_PRECISION
GUERDON_QUIET=yes
export GUERDON_QUIET
refuses 2 'guerdon: --quiet=yes, from the environment: expected 1 or 0' score text
unset GUERDON_QUIET

# control characters don't reach the terminal
refuses 2 'guerdon: there is no command ?[31m?x; guerdon --help lists them' "$(printf '\033[31m\302\233x')"

shows 'Usage: guerdon COMMAND' --help
shows 'Usage: guerdon COMMAND' help
shows 'Usage: guerdon score --model DIR' help score
shows 'Usage: guerdon score --model DIR' --help score
shows 'libraries: ' version
refuses 2 'guerdon: there is no command scor; did you mean score?' help scor
shows 'Usage: guerdon COMMAND' -h
shows 'guerdon 0.' --version
shows 'libraries: ' --version
shows 'instruction sets: generic' --version
shows 'Usage: guerdon score --model DIR' score --help
shows "In bash, \$'...' makes it a newline." score --help
shows 'Ranks count from 1, the best' rank --help
shows 'from 0, as the item' rank --help
shows '{"prompt":..,"responses":[..]}' score --help
shows '{"prompt":..,"responses":[..]}' tokenize --help
shows 'a --memory with which the model always runs' inspect --help
shows 'Flags for how to compute, which most people can leave out:' score --help
"$guerdon" score --help | awk '/^Flags for how/ { engine = 1 } /^    --(input|truncate|resume|dry-run)/ && engine { exit 1 }
    /^    --(precision|isa|threads|graph)/ && !engine { exit 1 }'
verdict 'score --help lists the flags of the engine among the others'
"$guerdon" train --help | sed -n 's/^    --\([a-z-]*\).*/\1/p' | head -8 | tr '\n' ' ' >"$work/first"
[ "$(cat "$work/first")" = 'model train eval output recipe full lora-r lora-alpha ' ]
verdict "train --help begins with $(cat "$work/first")"
run compare --help
! grep -q 'Flags for how' "$work/out"
verdict 'compare --help has flags of the engine'
shows '"trunks":[{"name":"gemma"' models --json
shows '    found by        its class, or its tensors' models
shows '"backends":[' backends --json
shows 'isa             generic' backends

# the help and the man page list the same flags in the same order, among them these
for flag in model adapter input output max-length truncate add-eos precision numerics backend isa threads memory \
    batch-tokens share-prefix graph quiet format; do
    shows "    --$flag" score --help
done
for command in score rank filter tokenize inspect merge eval compare crosscheck bench train models serve backends; do
    run "$command" --help
    sed -n 's/^    \(--[a-z-]* *[^ ]*\)$/\1/p' "$work/out" | sed 's/ *$//' >"$work/help"
    sed 's,\\-,-,g' <"$doc/guerdon-$command.1" |
        sed -n '/^\.SH FLAGS/,/^\.SH EXIT/s/^\.BI* \(--[a-z][a-z-]*\)\( " \([^"]*\)"\)*$/\1 \3/p' |
        sed 's/ *$//' >"$work/page"
    [ -s "$work/help" ] && diff "$work/help" "$work/page"
    verdict "guerdon $command --help and guerdon-$command.1 list different flags"
    awk 'length > 80 { exit 1 }' "$work/out"
    verdict "guerdon $command --help has lines of more than 80 columns"
done
# a page lists the statuses that its command has, and names a variable for a flag that it has
for command in score rank filter tokenize eval; do
    grep -q '1 some items failed' "$doc/guerdon-$command.1"
    verdict "guerdon-$command.1 lacks status 1"
done
for command in inspect merge compare crosscheck bench train models serve backends; do
    ! grep -q '1 some items failed' "$doc/guerdon-$command.1"
    verdict "guerdon-$command.1 has status 1"
done
grep -q "1 the two sides don't agree" "$doc/guerdon-crosscheck.1" && ! grep -q "sides don't agree" "$doc/guerdon-compare.1"
verdict 'guerdon-crosscheck.1 lacks status 1, or guerdon-compare.1 has it'
grep -q '143 ended by SIGTERM' "$doc/guerdon-train.1" && ! grep -q 143 "$doc/guerdon-merge.1"
verdict 'guerdon-train.1 lacks status 143, or guerdon-merge.1 has it'
grep -qF '.BR \-\-eval .' "$doc/guerdon-train.1" && ! grep -q 'but for$' "$doc/guerdon-score.1"
verdict 'guerdon-train.1 does not say which flag may be given several times'
! grep -q 'GUERDON_M' "$doc/guerdon-compare.1" && grep -q GUERDON_JSON "$doc/guerdon-compare.1"
verdict 'guerdon-compare.1 names the variable of a flag that compare lacks'
version=$("$guerdon" --version | sed -n 1p)
for page in "$doc"/guerdon*.1; do
    grep -qF "\"$version\"" "$page"
    verdict "$page is not of $version"
done

# a failed run leaves no empty file
"$guerdon" compare "$work/none.jsonl" "$work/none.jsonl" --report "$work/page.html" 2>/dev/null
[ $? -eq 3 ] && [ ! -e "$work/page.html" ]
verdict 'compare of missing files leaves a page'

# a full disk is reported, by a message and by the status
if [ -w /dev/full ]; then
    for arguments in --help --version backends 'backends --json' 'score --help'; do
        # shellcheck disable=SC2086 # words are wanted
        "$guerdon" $arguments >/dev/full 2>"$work/err"
        [ $? -eq 3 ] && grep -qx 'guerdon: standard output: No space left on device' "$work/err"
        verdict "guerdon $arguments >/dev/full: $(cat "$work/err")"
    done
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
