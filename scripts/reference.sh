#!/bin/sh
# Make the reports of reports/reference again: the paper's experiment on a small model and wafer (seconds), with all
# files, and on Llama-2 7B (minutes), with record, Markdown and figures. `sh scripts/reference.sh small` makes the first
# alone. The README shows the summary of the second.
set -eu
cd "$(dirname "$0")/.."
cargo build --release --quiet
wafersim=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/wafersim

# The record holds the command as it is typed: the test types it again.
PATH=$(dirname "$wafersim"):$PATH
export PATH
wafersim run llama2-tiny --arch cs3 --set fabric.width_pes=32 --set fabric.height_pes=16 --set io.prefetch_mib=1 \
    --set sparsity.level=0.7 --out reports/reference
[ "${1:-all}" = small ] && exit
wafersim run llama2-7b --arch cs3 --set sparsity.level=0.7 --out reports/reference
cd reports/reference/llama2-7b-cs3-70
rm -f report.html ops.csv trace.json
