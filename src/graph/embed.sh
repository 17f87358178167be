#!/bin/sh
# embed.sh FILE.yaml ... - prints C source that holds the graph files as strings, one line of text a line of source.
# Comments and empty lines stay, so that line numbers in errors are those of the files.
set -eu
echo '/* Made by embed.sh from the graph files: do not edit. */'
echo '#include "graph/graph.h"'
echo
for file; do
    name=$(basename "$file" .yaml)
    echo "static const char $name[] ="
    LC_ALL=C awk '{ gsub(/\\/, "\\\\"); gsub(/"/, "\\\""); print "    \"" $0 "\\n\"" } END { print "    ;" }' "$file"
done
echo 'const gd_graph_builtin gd_graph_builtins[] = {'
for file; do
    name=$(basename "$file" .yaml)
    echo "    { \"built-in $name.yaml\", $name, sizeof $name - 1 },"
done
echo '    { NULL, NULL, 0 },'
echo '};'
