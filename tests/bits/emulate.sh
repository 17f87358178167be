#!/bin/sh
# emulate.sh - runs a test that was built for another processor, as make's LOG_COMPILER.
#     emulate.sh TEST
# GD_EMULATOR is the emulator with its arguments. A test that is a script runs here; it emulates what it starts.
case $1 in
*.sh) exec sh "$@" ;;
esac
# shellcheck disable=SC2086 # words are wanted
exec $GD_EMULATOR "$@"
