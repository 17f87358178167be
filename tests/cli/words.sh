#!/bin/sh
# words.sh - what the program says to its user, in the user's words: the text that was typed, the flag, the way out.
LC_ALL=C
GUERDON_MODEL=$(cd "${srcdir:-.}" && pwd)/tests/data/golden/qwen2
GUERDON_QUIET=1
export LC_ALL GUERDON_MODEL GUERDON_QUIET
guerdon=$(cd "${top_builddir:-.}" && pwd)/guerdon
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 99
failed=0
fail() { failed=1; echo "FAILED: $*"; }

# says STATUS SENTENCE ARGUMENTS: expects that status, and that text in the output or the errors
says()
{
    wanted=$1
    sentence=$2
    shift 2
    "$guerdon" "$@" >out 2>&1 </dev/null
    status=$?
    if [ "$status" -ne "$wanted" ] || ! grep -qF -e "$sentence" out; then
        fail "guerdon $*: status $status, no '$sentence' in: $(cat out)"
    fi
}

# never SENTENCE: the last output lacks it
never() { if grep -qF -e "$1" out; then fail "'$1' in: $(cat out)"; fi; }

pair='{"chosen":"a b c d e f g","rejected":"a b c d e f h"}'
printf '%s\n' "$pair" '{"chosen":"x","rejected":"y"}' >pairs.jsonl
printf '%s\n' "$pair" '{"text":1}' '{"text":"t"}' >some.jsonl
printf 'text\none\ntwo\n' >table.csv
printf 'one\ntwo\n' >plain.txt

# a text of the command line is called that, by the number that its line of output has
says 1 '{"index":1,"error":"text 1: ' score ok "$(printf 'bad \377')"
never 'line 2'
says 1 '{"index":0,"error":"text 0: ' tokenize "$(printf '\377')"
says 1 '"error":"line 2: ' score --input some.jsonl

# both are given: one of them may be in the environment
GUERDON_INPUT=pairs.jsonl
export GUERDON_INPUT
says 2 'give either texts or --input, not both; --input comes from GUERDON_INPUT in the environment' score text
says 2 'not both' score --input pairs.jsonl text
never GUERDON_INPUT
unset GUERDON_INPUT

# commands that read items take no texts
several='for several files, put a pattern in quotes: --input '
says 2 "give either texts or --input, not both; $several" score --input pairs.jsonl some.jsonl
says 2 'give either texts or --input, not both' score --input pairs.jsonl 'a text'
never 'for several files'
says 2 "not some.jsonl; $several" eval --input pairs.jsonl some.jsonl
says 2 "--input is given twice; $several" rank --input pairs.jsonl --input some.jsonl
says 2 'rank reads its items from a file, not from the command line: --input FILE, not hello' rank hello
says 2 'filter reads its items from a file, not from the command line: --input FILE, not hello' \
    filter --min-score 0 hello

# names that others use
says 2 'score has no flag --batch-size; a batch is counted in tokens: --batch-tokens N' score --batch-size 8
says 2 'score has no flag --dtype; the type of the operands is --precision bf16 or fp32' score --dtype=bfloat16
says 2 'merge has no flag --dtype; guerdon merge --help lists them' merge --dtype fp32
says 2 'backends has no flag --device; guerdon backends --help lists them' backends --device cuda
says 2 'score has no flag --device; --backend cuda or cpu chooses the device' score --device cuda
says 2 'score has no flag --max_seq_length; use --max-length N' score --max_seq_length 5
says 2 'score has no flag --load_in_4bit; weights are never quantised' score --load_in_4bit
says 2 'eval has no flag --dataset; use --input FILE' eval --dataset x
says 2 'score has no flag --model_name_or_path; use --model DIR' score --model_name_or_path x

# sizes, in both units
says 0 '"score"' score --memory 1GB x
says 0 '"score"' score --memory 1gb x
says 4 'memory is 19.07 MiB' score --memory 20MB x
says 4 'memory is 20 MiB' score --memory 20M x
says 4 'memory is 2 bytes' score --memory 2 x

# standard output, which is not called -
says 2 'the lines of --output and those of --rejects would be mixed on standard output' \
    filter --min-score 0 --input pairs.jsonl --rejects -
says 2 'the lines of --output and those of --pairs-output would be mixed on standard output' \
    rank --input pairs.jsonl --output - --pairs all --pairs-output -

# a run that is resumed in another way, where the first one had the default
gzip -c pairs.jsonl | head -c -4 >broken.gz
says 3 'the file was truncated' score --input broken.gz --output out.jsonl
says 2 'another precision, the default; now it is "fp32"' \
    score --input broken.gz --output out.jsonl --resume --precision fp32
says 2 'another numerics, the default; now it is "tensor"' \
    score --input broken.gz --output out.jsonl --resume --numerics tensor

# the arithmetic of tensor cores has one form
says 0 '"score"' score --numerics tensor8 x
says 2 'numerics tensor are those of bf16 products in tensor cores, so precision fp32 has none' \
    score --numerics tensor --precision fp32 x
says 2 'backend openblas adds in its own order, so it cannot run with tensor numerics; use fast, or backend cpu' \
    score --numerics tensor --backend openblas x
says 2 'numerics is tensor, but training computes in exact arithmetic; leave it out' \
    train --train pairs.jsonl --output trained --numerics tensor

# a text that oldest-turns can't shorten
says 1 'it is not a conversation, of which oldest-turns could drop turns; --truncate left or right can cut it' \
    score --truncate oldest-turns --max-length 2 'a b c d'

# no names of the C interface
says 2 'the length is limited to 5000 tokens, but max_position_embeddings in ' score --max-length 5000 x
says 2 'the least margin of a pair is -1; expected 0 or more' \
    rank --input pairs.jsonl --pairs all --pairs-output p --min-margin -1

# a pattern
says 2 'no file matches this pattern: there is no such directory' score --input 'nowhere/*.jsonl'
says 2 './*.nothing: no file matches this pattern' score --input './*.nothing'

# lines that can't be changed are refused before anything is done
says 2 'table.csv: only items in JSON can be annotated, and this is a table' \
    filter --min-score -99 --annotate --input table.csv --output kept
[ ! -e kept ] || fail 'filter --annotate leaves an output'
says 2 'plain.txt: only items in JSON can be annotated, and this is plain text' \
    filter --min-score -99 --annotate --input plain.txt
says 0 'guerdon' filter --min-score -99 --annotate --input pairs.jsonl

# an encoder
mkdir encoder
for file in "$GUERDON_MODEL"/*; do ln -s "$file" encoder; done
rm encoder/config.json
sed 's/Qwen2ForSequenceClassification/DebertaV2ForSequenceClassification/; s/"qwen2"/"deberta-v2"/' \
    "$GUERDON_MODEL/config.json" >encoder/config.json
says 3 'the architecture is DebertaV2ForSequenceClassification, an encoder' score --model encoder x
never 'describe it'
sed 's/Qwen2ForSequenceClassification/GPT7ForSequenceClassification/; s/"qwen2"/"gpt7"/' \
    "$GUERDON_MODEL/config.json" >encoder/config.json
says 3 'another decoder of this kind may be described in a graph file' score --model encoder x

# why there is no chat format
says 0 'chat problem    ' inspect
says 0 'the checkpoint has no chat template' inspect

# eval: what was cut, what is missing, what can't be said
GUERDON_QUIET=0
says 0 'cut             1 of 2 items (--truncate right)' eval --input pairs.jsonl --max-length 4 --truncate right
says 0 'left out        1 of 2 items (--truncate drop)' eval --input pairs.jsonl --max-length 4 --truncate drop
says 0 'ties            0, counted as wrong' eval --input pairs.jsonl
never 'cut '
says 0 'note: no line has the field "sourc" (--by)' eval --input pairs.jsonl --by sourc
says 0 '   no line is of Chat, Chat Hard, Safety, Reasoning' eval --input pairs.jsonl --weights rewardbench
sed 2d pairs.jsonl >one.jsonl
says 0 'no interval: all pairs are judged alike' eval --input one.jsonl
says 0 'the mean and deviation of the scores are in mean.json' eval --input pairs.jsonl --calibrate-output mean.json
says 0 'pairs' eval --input pairs.jsonl --calibrate-output mean.json --quiet
never mean.json
says 0 'note: text 1 is taken as it is, with its braces and quotes; ' score hi '{ "text":"hi"}'
says 0 '{"index"' score '{hi}' '{"hi"' '{'
never 'note: text'
says 1 '1 kept, 0 rejected, 2 failed' filter --min-margin -99 --input some.jsonl
says 0 '2 kept, 0 of them flipped, 0 rejected, 0 failed' filter --flip-below 99 --input pairs.jsonl
says 0 '2 kept, 2 of them flipped, 0 rejected, 0 failed' filter --flip-below -99 --input pairs.jsonl
says 1 'all that have one' filter --min-margin -99 --input some.jsonl

# an adapter where a model is expected, and the reverse; an adapter's tokenizer alone is enough to tokenize
says 3 'this is an adapter: give it with --adapter' score --model "$GUERDON_MODEL-lora" a
says 3 'this is an adapter: give it with --adapter' inspect --model "$GUERDON_MODEL-lora"
says 3 'this is a model, not an adapter' score --adapter "$GUERDON_MODEL" a
says 3 'this is an adapter: give it with --adapter' merge --model "$GUERDON_MODEL-lora" \
    --adapter "$GUERDON_MODEL-lora" --output merged
mkdir tokenizer
cp "$GUERDON_MODEL/tokenizer.json" "$GUERDON_MODEL-lora/adapter_config.json" tokenizer
says 0 '"ids":[64]' tokenize --model tokenizer a

# compare: differences without their sign
"$guerdon" score --input pairs.jsonl --quiet >a
"$guerdon" score --input pairs.jsonl --quiet --precision fp32 >b
says 0 'mean |difference|' compare a b
says 0 'largest |difference|' compare a b
exit $failed
