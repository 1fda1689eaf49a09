#!/usr/bin/env bash
# tee.sh LOG COMMAND …: its output to the terminal and to a file; the status is the command's.
log=$1
shift
set -o pipefail
"$@" 2>&1 | tee "$log"
