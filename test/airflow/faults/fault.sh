#!/bin/sh
# Runs the commands in /store/faults/TASK once, if there are any, then the real task.
if mv "/store/faults/$1" /tmp/fault 2>/dev/null; then . /tmp/fault; fi
exec node tasks/cli.ts "$@"
