#!/bin/sh
# Make the reports of reports/reference again: the paper's experiment on a small model and wafer (seconds), with all
# files, and on Llama-2 7B (minutes), with record, Markdown and figures, and its summary in the README.
# `sh scripts/reference.sh small` makes the first alone.
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
said=$(mktemp)
trap 'rm -f "$said" README.new' EXIT
wafersim run llama2-7b --arch cs3 --set sparsity.level=0.7 --out reports/reference | sed 's|reports/reference/|reports/|' >"$said"
cd reports/reference/llama2-7b-cs3-70
rm -f report.html ops.csv columns.csv trace.json
cd ../../..
# What stands between the fences after the comment is what the run has just said.
awk -v said="$said" '
    between && /^```/ { between = 0 }
    !between { print }
    /^<!-- summary of / { getline; print; while ((getline line < said) > 0) print line; between = 1 }
' README.md >README.new
mv README.new README.md
