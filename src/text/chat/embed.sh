#!/bin/sh
# embed.sh FILE.yaml ... - prints C source with the chat formats as strings, one line of source per line of text.
# Comments and empty lines are kept, so that line numbers in errors are those of the files.
set -eu
echo '/* Made by embed.sh from the chat formats: do not edit. */'
echo '#include "text/chat.h"'
number=0
for file; do
    number=$((number + 1))
    echo
    echo "static const char text_$number[] ="
    LC_ALL=C sed 's/[\\"]/\\&/g; s/.*/    "&\\n"/' "$file"
    echo '    ;'
done
echo
echo 'const gd_chat_builtin gd_chat_builtins[] = {'
number=0
for file; do
    number=$((number + 1))
    name=$(basename "$file" .yaml)
    echo "    { \"$name\", \"built-in $name.yaml\", text_$number, sizeof text_$number - 1 },"
done
echo '    { NULL, NULL, NULL, 0 },'
echo '};'
