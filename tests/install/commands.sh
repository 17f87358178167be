#!/bin/bash
# commands.sh - README.md's commands, pasted one after another as README.md says, all work; except for bench, which
# takes too long, and for those that need a GPU.
export LC_ALL=C
srcdir=$(cd "${srcdir:-.}" && pwd)
build=$(cd "${top_builddir:-.}" && pwd)
work=$(mktemp -d) || exit 99
trap 'kill $server 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 99
PATH=$build:$PATH
ln -s "$srcdir/tests" .
mkdir build # where quickstart leaves pairs
gzip -dc tests/data/hh-rlhf/harmless-base-test.jsonl.gz | sed -n 1,16p >build/pairs.jsonl
sed -n '/paste this first/,/^## /s/^    //p' "$srcdir/README.md" >commands
count=0
server=
url=
# serve LINE: starts the server of the line on a free port, in the place of the one before.
serve()
{
    kill $server 2>/dev/null
    : >served
    GUERDON_PORT=0 bash -c "exec ${1%%#*}" >served 2>serve-errors </dev/null &
    server=$!
    until url=$(sed -n 's/^listening on //p' served) && [ -n "$url" ]; do
        kill -0 $server 2>/dev/null || { cat serve-errors; return 1; }
    done
}
has_server() { ! "$build/guerdon" serve --model none 2>&1 | grep -q 'needs libmicrohttpd'; }
export DIR LORA
while IFS= read -r line; do
    case $line in
    "guerdon bench "* | *cuda*) continue ;;
    "guerdon serve "*)
        has_server || continue
        serve "$line" || { echo "FAILED: $line"; exit 1; }
        count=$((count + 1))
        continue
        ;;
    "curl "*)
        [ -n "$url" ] && command -v curl >/dev/null || continue
        line=${line//http:\/\/127.0.0.1:8080/$url}
        ;;
    esac
    eval "$line" >out 2>&1 </dev/null || { echo "FAILED: $line: $(cat out)"; exit 1; }
    case $line in "curl "*) grep -q '"scores":\[' out || { echo "FAILED: $line: $(cat out)"; exit 1; } ;; esac
    count=$((count + 1))
done <commands
[ $count -ge 20 ] || { echo "FAILED: README.md has only $count commands"; exit 1; }
for file in scores.jsonl ranked.jsonl ranked.pairs.jsonl grouped.jsonl kept.jsonl sure.jsonl eval.html MERGED/config.json \
    TRAINED/adapter_model.safetensors TRAINED/report.html; do
    [ -s $file ] || { echo "FAILED: there is no $file"; exit 1; }
done
echo "$count commands"
