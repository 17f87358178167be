#!/bin/sh
# emulate.sh - runs a test built for another processor, as make's LOG_COMPILER.
#     emulate.sh TEST
# GD_EMULATOR is the emulator with its arguments. A test that is a script runs natively and uses the emulator itself.
case $1 in
*.sh) exec sh "$@" ;;
esac
# shellcheck disable=SC2086 # split into words
exec $GD_EMULATOR "$@"
