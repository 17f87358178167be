#!/bin/bash
# commands.sh - README.md's commands, pasted one after another as README.md says, all work; except for bench, which
# takes too long, and for those that need a GPU.
export LC_ALL=C
srcdir=$(cd "${srcdir:-.}" && pwd)
build=$(cd "${top_builddir:-.}" && pwd)
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 99
PATH=$build:$PATH
ln -s "$srcdir/tests" .
mkdir build # where quickstart leaves pairs
gzip -dc tests/data/hh-rlhf/harmless-base-test.jsonl.gz | sed -n 1,16p >build/pairs.jsonl
sed -n '/paste this first/,/^## /s/^    //p' "$srcdir/README.md" >commands
count=0
while IFS= read -r line; do
    case $line in "guerdon bench "* | *cuda*) continue ;; esac
    eval "$line" >out 2>&1 </dev/null || { echo "FAILED: $line: $(cat out)"; exit 1; }
    count=$((count + 1))
done <commands
[ $count -ge 20 ] || { echo "FAILED: README.md has only $count commands"; exit 1; }
for file in scores.jsonl ranked.jsonl ranked.pairs.jsonl grouped.jsonl kept.jsonl sure.jsonl eval.html MERGED/config.json \
    TRAINED/adapter_model.safetensors TRAINED/report.html; do
    [ -s $file ] || { echo "FAILED: there is no $file"; exit 1; }
done
echo "$count commands"
