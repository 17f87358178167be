#!/bin/bash
# train.sh - guerdon train from end to end: what it prints, its statuses, the commands that it proposes, interruptions,
# and the same run from a recipe.
LC_ALL=C
export LC_ALL
guerdon=$(cd "${top_builddir:-.}" && pwd)/guerdon
data=$(cd "${srcdir:-.}" && pwd)/tests/data/golden
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 99
PATH=$(dirname "$guerdon"):$PATH
failed=0
fail() { failed=1; echo "FAILED: $*"; sed 's/^/    /' err | head -20; }

base=$data/qwen2
awk 'BEGIN { for (i = 0; i < 24; i++)
    print "{\"chosen\":\"Question " i "? yes\",\"rejected\":\"Question " i "? no, never\",\"by\":\"" i % 2 "\"}" }' >pairs.jsonl
sed -n '1,5p' pairs.jsonl >first.jsonl
sed -n '6,9p' pairs.jsonl >"second set.jsonl"

learn_from=pairs.jsonl

# train STATUS OUT FLAGS: a run of 6 steps, with that status
train()
{
    local wanted=$1 out=$2
    shift 2
    "$guerdon" train --model "$base" --train "$learn_from" --output "$out" --batch-size 2 --grad-accum 2 --lora-r 2 \
        --precision fp32 --threads 1 --learning-rate 1e-3 "$@" >out 2>err </dev/null
    status=$?
    [ $status -eq "$wanted" ] || fail "train --output $out $*: status $status"
}

has() { grep -qF -e "$1" "$2" || fail "no '$1' in $2"; }

# a run, what it says, and the commands that it proposes
train 0 "it's a run" --eval a=first.jsonl --eval "b=second set.jsonl"
[ ! -s out ] || fail 'train prints on standard output'
has 'pairs.jsonl: 24 pairs in 24 records; accuracy to beat: chance 50 %, always the shorter text 100.0 %, ' err
has 'trained 6 steps in 0:0' err
has 'a: accuracy ' err
has 'b: accuracy ' err
has "the adapter is in it's a run" err
has 'to score with it, evaluate it, or merge it into the model:' err
! grep -q 'tokens, its max_length' err || fail 'a word about long texts where there are none'
[ "$(grep -c '^    guerdon ' err)" -eq 3 ] || fail 'not three commands'
has "    guerdon merge --model $base --adapter 'it'\\''s a run' --output 'it'\\''s a run-merged'" err
grep '^    guerdon ' err >commands.sh
sh -e commands.sh >pasted 2>&1 || fail "the commands fail: $(cat pasted)"
[ -s "it's a run-merged/config.json" ] || fail 'the adapter is not merged'
[ "$(grep -c '"margin"' pasted)" -eq 5 ] || fail 'the first set is not scored'

# while it goes on: where to look, steps (not each of many), and evaluations, but not what the end says again
has "the curves are in it's a run/report.html, and every step in log.jsonl beside it" err
has '1/6  loss ' err
train 0 many --epochs 20 --eval first.jsonl --eval-every 50
[ "$(grep -c '^[0-9]*/120  loss ' err)" -eq 20 ] || fail 'not 20 lines for 120 steps'
[ "$(grep -c '^step [0-9]* of 120, held out: accuracy ' err)" -eq 2 ] || fail 'not two evaluations before the last'
[ "$(grep -c '^held out: accuracy ' err)" -eq 1 ] || fail 'the last evaluation is not there once'
awk -F'[:,]' '/"loss"/ { loss[++n] = $2 } END { for (i = n - 29; i <= n; i++) sum += loss[i]
    printf "mean of the last 30: loss %.4f, accuracy", sum / 30 }' many/log.jsonl >mean
has "$(cat mean)" err
# the best is known to the card, the page and its own files, and is what the commands use
sed 's/chosen/C/; s/rejected/chosen/; s/C"/rejected"/' first.jsonl >reversed.jsonl # of which it learns the opposite
train 0 'best&worst' --epochs 5 --eval reversed.jsonl --eval-every 6 --best eval_loss
best=$(sed -n 's/^the best eval_loss, .*, was at step \([0-9]*\); .*/\1/p' err)
[ -n "$best" ] && [ "$best" -lt 30 ] || fail 'the last step is the best'
has 'to score with the best, evaluate it, or merge it into the model:' err
has "    guerdon merge --model $base --adapter 'best&worst/best' --output 'best&worst-merged'" err
grep '^    guerdon ' err >commands.sh
sh -e commands.sh >pasted 2>&1 || fail "the commands with the best fail: $(cat pasted)"
has ", was that of step $best, which is in the folder \`best\`." 'best&worst/README.md'
has ", is that of step $best, which is in the folder best." 'best&worst/report.html'
has "\"step\": $best," 'best&worst/best/guerdon-adapter.json'
has '"step": 30,' 'best&worst/guerdon-adapter.json'
has '"step": 30,' 'best&worst/checkpoint-30/guerdon-adapter.json'
"$guerdon" inspect --model "$base" --adapter 'best&worst/best' >out 2>err
grep -qx "  step  *$best" out || fail 'inspect does not know the step of the best'
train 0 quiet --max-steps 2 --quiet
[ ! -s err ] || fail 'train --quiet is not quiet'

# prompts that were joined, though a chat format is known, are joined in scoring, without a word
talk='{"chosen":[{"role":"user","content":"Hot?"},{"role":"assistant","content":"Yes."}],
    "rejected":[{"role":"user","content":"Hot?"},{"role":"assistant","content":"No."}]}'
echo "$talk" | tr -d '\n' >talks.jsonl
echo '{"prompt":"Is tea hot? ","chosen":"Yes.","rejected":"No."}' >asked.jsonl
cat asked.jsonl talks.jsonl >mixed.jsonl
joined='asked.jsonl: prompts and answers that are texts are joined as they are, although a chat format is known'
learn_from=asked.jsonl
train 0 plan --chat-format chatml --dry-run
has "$joined" out
train 0 joined --chat-format chatml --max-steps 1
has "$joined" err
train 0 told --chat-format chatml --max-steps 1 --turns off
! grep -q 'are joined' err || fail 'a note though --turns off was given'
learn_from=mixed.jsonl
train 0 mixed --chat-format chatml --max-steps 1
learn_from=talks.jsonl
train 0 talks --chat-format chatml --max-steps 1
! grep -q 'are joined' err || fail 'conversations are joined'
has 'talks.jsonl: conversations become text by the chat format chatml' err
cp -r "$base" talker
cp "$data/../chat/templates/chatml.jinja" talker/chat_template.jinja
own=$base base=talker
train 0 found --max-steps 1
base=$own
has 'chat\_format | auto (chatml) |' found/README.md
has '"chat_format": null' found/guerdon-adapter.json
learn_from=pairs.jsonl
for run in joined told mixed talks; do
    turns=off notes=0
    [ $run = talks ] && turns=auto notes=1
    has "\"turns\": \"$turns\"" $run/guerdon-adapter.json
    "$guerdon" score --model "$base" --adapter $run --input asked.jsonl >scores 2>err || fail "$run: not scored"
    [ "$(grep -c 'were joined as they are\|turns off (' err)" -eq $notes ] || fail "$run: not $notes notes about turns"
done

# the commands pass over what was too long for the run, and say which data they evaluate on
printf '{"chosen":"%s","rejected":"no"}\n' yes "$(printf 'many words %.0s' {1..40})" >long.jsonl
learn_from=long.jsonl
train 0 short --max-length 16 --max-steps 1
learn_from=pairs.jsonl
has 'evaluate it (here on the training data, which says little), or merge it into the model:' err
has 'texts of more than 16 tokens, its max_length, need --truncate or a larger --max-length' err
grep '^    guerdon [se]' err >commands.sh
sh -e commands.sh >pasted 2>&1 || fail "the commands fail on a text that is too long: $(cat pasted)"
[ "$(grep -c ' 2 items, 1 left out' pasted)" -eq 2 ] || fail "a long text: $(cat pasted)"

# the settings arrive
head -1 "it's a run/log.jsonl" >first
for setting in '"lora_r":2' '"batch_size":2' '"grad_accum":2' '"learning_rate":0.001' '"precision":"fp32"' '"name":"a"' \
    '"name":"b"'; do
    has "$setting" first
done

# the same from a recipe, where only the output is a flag
cat >run.yaml <<END
model: $base
train: pairs.jsonl
eval:
  a: first.jsonl
  b: second set.jsonl
batch-size: 2
grad_accum: 2
lora_r: 2
precision: fp32
learning_rate: 1.0e-3
END
"$guerdon" train --recipe run.yaml --output recipe --json --quiet >out 2>err || fail "a recipe: status $?"
[ ! -s err ] || fail 'train --quiet is not quiet'
has '"format": "guerdon-train/1"' out
for file in adapter_model.safetensors adapter_config.json log.jsonl; do
    cmp -s "it's a run/$file" "recipe/$file" || fail "$file of the recipe's run differs"
done

# a plan, by either command
train 0 plan --dry-run
[ ! -e plan ] || fail 'train --dry-run writes an output'
for line in 'records         24, 24 used' 'pairs           24' 'steps           6, each of up to 4 records (2 x 2)' 'parameters      ' \
    'memory          ' 'layers kept     ' 'time            ' ' with 1 thread, ' 'disk            ' ' for a checkpoint; the run needs at most ' ' (keep 3)'; do
    has "$line" out
done
grep -v '^memory\|^time' out >plan.txt # the memory of the process, too; the time is measured
"$guerdon" inspect --model "$base" --train pairs.jsonl --batch-size 2 --grad-accum 2 --lora-r 2 --precision fp32 \
    --threads 1 >out 2>err || fail "inspect --train: status $?"
grep -v '^memory\|^time' out | cmp -s - plan.txt || fail 'inspect --train and train --dry-run differ'
"$guerdon" inspect --recipe run.yaml --lora-r 4 --json >out 2>err || fail "inspect --recipe: status $?"
has '"lora_r": 4' out

# the work that it expects is about that of the run
for how in '' '--checkpoint-layers on' --full '--full --checkpoint-layers on' '--epochs 2.5'; do
    rm -rf counted
    set -- --model "$base" --train pairs.jsonl --output counted --threads 1 $how
    "$guerdon" train "$@" --dry-run --json >out 2>err || fail "train $how --dry-run --json: status $?"
    "$guerdon" train "$@" --quiet 2>err || fail "train $how: status $?"
    awk -F'"linear_gflop":' 'NR == FNR { if (/"linear_gflop"/) { sub(/ /, ""); plan = $2 + 0 } if (/"seconds"/) timed = 1; next }
        { sum += $2 } END { exit !(timed && plan > 0.9 * sum && plan < 1.15 * sum) }' out counted/times.jsonl ||
        fail "train $how: $(grep gflop out), but the steps have $(awk -F'gflop":' '{ s += $2 } END { print s }' counted/times.jsonl)"
done

# records that are left out, and why
cat >left.jsonl <<'END'
{"prompt":"Is tea hot? ","responses":["Yes.","No.","Now and then."],"ranks":[1,2,2]}
{"prompt":"Is ice hot? ","chosen":["No.","Not at all."],"rejected":["Yes."],"by":0.5}
{"prompt":"Is tea hot? ","chosen":"Yes.","rejected":"Yes."}
{"prompt":"Is tea hot? ","responses":["Yes.","Sure."],"ranks":[1,1]}
{"prompt":"Is tea hot? ","responses":["Yes.","No."]}
{"prompt":"Is tea hot? ","chosen":"Yes.","rejected":"No.","by":"2"}
{"prompt":"Is tea hot? ","chosen":"Yes, it is, and so it was yesterday, and the day before.","rejected":"No."}
END
"$guerdon" inspect --model "$base" --train left.jsonl --margin-field by --max-length 16 >out 2>err ||
    fail "inspect of records that are left out: status $?"
for line in "records         7, 2 used, 1 too long, 1 with equal texts, 1 with equal ranks, 2 that can't be used" \
    'left.jsonl: 1 of 7 records left out: a text has more than max_length tokens' \
    'left.jsonl: 1 of 7 records left out: the texts are equal' 'left.jsonl: 1 of 7 records left out: the ranks are equal' \
    "left.jsonl: 2 of 7 records can't be used; the first: line 5: " 'left.jsonl: 4 pairs in 2 records; accuracy to beat: '; do
    has "$line" out
done

# a run that is complete
"$guerdon" train --recipe run.yaml --output recipe >out 2>err || fail "a complete run: status $?"
has 'all 6 steps were done before; mean of the last 4: loss ' err
cmp -s "it's a run/adapter_model.safetensors" recipe/adapter_model.safetensors || fail 'a complete run is changed'

# interrupted, each time after a step, and continued
for signal in INT TERM; do
    wanted=$([ $signal = INT ] && echo 130 || echo 143)
    for quiet in '' --quiet; do
        rm -rf stopped
        "$guerdon" train --recipe run.yaml --output stopped --epochs 200 $quiet >out 2>err &
        for ((i = 0; i < 500; i++)); do
            [ "$(grep -c '"loss"' stopped/log.jsonl 2>/dev/null)" -gt 2 ] 2>/dev/null && break
            sleep 0.02
        done
        kill -$signal $!
        wait $! 2>/dev/null
        status=$?
        [ $status -eq "$wanted" ] || fail "SIG$signal: status $status"
        grep -q 'same command continues' err || fail "SIG$signal: no way to go on"
        if [ -n "$quiet" ]; then
            [ "$(wc -l <err)" -eq 1 ] || fail "SIG$signal with --quiet is not quiet"
        else
            has 'guerdon: stopping after this step and saving a checkpoint; a second signal stops at once' err
        fi
    done
done

# every weight learns: a model, and commands that score it
"$guerdon" train --model "$base" --train pairs.jsonl --output 'a model' --full --precision fp32 --eval first.jsonl \
    --best eval_loss --add-eos auto >out 2>err || fail "train --full: status $?"
has 'the model is in a model' err
has 'that model is in a model/best' err
[ "$(grep -c '^    guerdon ' err)" -eq 2 ] || fail 'not two commands of a model'
has "    guerdon score --model 'a model/best' --input first.jsonl --precision fp32" err
grep '^    guerdon ' err >commands.sh
sh -e commands.sh >pasted 2>said || fail "the commands of a model fail: $(cat said)"
[ "$(grep -c '"margin"' pasted)" -eq 5 ] || fail 'the first set is not scored by the model'
has 'the model was trained with max_length 512, add_eos auto (guerdon-adapter.json), used here too' said
has 'library_name: transformers' 'a model/README.md'
has 'AutoModelForSequenceClassification.from_pretrained("MODEL", dtype=torch.float32)' 'a model/README.md'
has 'all 402,144 weights' 'a model/README.md'
has 'With `MODEL` standing for this folder' 'a model/README.md'
has '"dtype": "float32"' 'a model/config.json'
"$guerdon" inspect --model 'a model' >out 2>err || fail "inspect of a trained model: status $?"
has 'full            yes' out
# a flag stands in place of what can't be given with it
printf '%s\n' "model: $base" 'train: pairs.jsonl' 'epochs: 3' 'lora_r: 4' 'lora_targets: q_proj' >rivals.yaml
"$guerdon" train --recipe rivals.yaml --max-steps 2 --full --dry-run >out 2>err || fail "a recipe's rivals: status $?"
has 'steps           2,' out
has 'parameters      402,144 to train' out
GUERDON_EPOCHS=3 "$guerdon" train --model "$base" --train pairs.jsonl --max-steps 2 --dry-run >out 2>err ||
    fail "the environment's rival: status $?"
"$guerdon" train --recipe rivals.yaml --epochs 2 --max-steps 2 --output bad >out 2>err
[ $? -eq 2 ] || fail 'epochs and max-steps, both from the command line, are not refused'
printf '%s\n' "model: $base" 'train: pairs.jsonl' 'full: true' >full.yaml
"$guerdon" train --recipe full.yaml --dry-run >out 2>err || fail "a recipe with full: status $?"
has 'parameters      402,144 to train' out
"$guerdon" train --recipe full.yaml --lora-r 8 --output bad >out 2>err
[ $? -eq 2 ] || fail 'full with a rank is not refused'
has 'lora_r is given with full, by which every weight learns, and no adapter; leave one of them out' err

# mistakes that the library finds, in its words
for backend in openblas onednn; do
    "$guerdon" score --model "$base" --backend $backend tea >out 2>err || continue # not built
    train 3 bad --backend $backend
    has 'training runs on the cpu backend, the default' err
done
train 2 bad --clip -1
has 'clip is -1' err
train 2 bad --lora-targets wheels
train 2 bad --eval nope= --eval-every 2
train 2 bad --eval first.jsonl --eval pairs.jsonl
has 'first.jsonl and pairs.jsonl are both evaluated on; NAME=FILE gives each a name' err
train 2 bad --eval 0.1
has '--eval=0.1: expected a file: evaluation takes data of its own, not a share of the training data' err
train 2 bad --resume yes --dry-run
has 'resume is "yes", but auto, never or a checkpoint is expected' err
train 0 bad --dry-run --eval first.jsonl --by source
has 'first.jsonl: no record has a field "source" (by)' out
train 3 deep/er/bad
has 'deep/er/bad: the directory deep/er in which it would be does not exist: make it first' err
mkdir folder saved
touch saved/dataset_info.json
learn_from=folder
train 3 bad
has "folder: this is a directory; expected a file, or a pattern such as 'folder/*.jsonl'" err
learn_from=saved
train 3 bad
has 'saved: this is a directory of Hugging Face Datasets' err
printf '\377\377\377\377\020\001\000\000rest' >data.arrow
learn_from=data.arrow
train 3 bad
has 'data.arrow: this is an Arrow stream' err
echo '{"messages":[{"role":"user","content":"Hot?"},{"role":"assistant","content":"Yes."}],
    "rejected_messages":[{"role":"user","content":"Hot?"},{"role":"assistant","content":"No."}]}' | tr -d '\n' >swift.jsonl
learn_from=swift.jsonl
train 3 bad --chat-format chatml
has 'the chosen conversation is in "messages", and "rejected_messages" is not read; ' err
fields=$(sed -n 's/.* with --fields \([a-z_=,]*\), they are a pair/\1/p' err)
train 0 swift --chat-format chatml --fields "$fields" --max-steps 1
cmp -s swift/adapter_model.safetensors talks/adapter_model.safetensors || fail 'the rows of ms-swift are another pair'
sed 's/"rejected_messages":.*/"rejected_response":"No."}/' swift.jsonl >response.jsonl
learn_from=response.jsonl
train 3 bad --chat-format chatml
has 'expected two whole conversations, "chosen" and "rejected", or a "prompt" and two answers' err
learn_from=asked.jsonl
train 0 one --max-steps 1
has 'asked.jsonl: 1 pair in 1 record; ' err
train 0 one --max-steps 1
has 'the 1 step was done before' err
train 3 bad --max-length 2
has 'asked.jsonl: none of 1 records can be used: 1 have a text of more than 2 tokens (max_length)' err
! grep -q '0 have' err || fail 'reasons that no record has'
learn_from=pairs.jsonl
cp -r found llama-lora
sed -i 's/"base_model_name_or_path": "[^"]*"/"base_model_name_or_path": "some-llama"/' llama-lora/adapter_config.json
"$guerdon" train --model "$data/gemma2" --train pairs.jsonl --init-adapter llama-lora --output bad >out 2>err
has 'the adapter was trained on "some-llama" (base_model_name_or_path), but the model is ' err
cp -r "$base" padded
sed 's/"pad_token_id": *[0-9]*,//; s/"eos_token_id": *\([0-9]*\)/"eos_token_id": \1, "pad_token_id": \1/' "$base/config.json" >padded/config.json
base=padded
train 0 plan --dry-run --add-eos auto
has 'the end-of-sequence token that add_eos appends is the pad token, too, so the score is read before it' out
train 0 plan --dry-run
! grep -q 'add_eos appends' out || fail 'a word about an end-of-sequence token that is not appended'
base=$data/qwen2-causal
train 0 headed --max-steps 1 --head first_logit
has 'the head first_logit is not one linear of its own: it stays as it is' err
has "    guerdon merge --model $base --adapter headed --head first_logit --output headed-merged" err
grep '^    guerdon ' err >commands.sh
sh -e commands.sh >pasted 2>&1 || fail "the commands with a head fail: $(cat pasted)"
has "guerdon score --model $base --adapter ADAPTER --head first_logit --input pairs.jsonl" headed/README.md
base=$own
train 3 bad --eval nope.jsonl
has 'nope.jsonl: No such file or directory' err
train 2 bad --best eval_wheels --eval first.jsonl
[ ! -e bad/adapter_config.json ] || fail 'a run that failed left an adapter'
exit $failed
