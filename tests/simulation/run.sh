#!/bin/sh
# make simulate: SEEDS histories from SEED on, over all processors, MINUTES at most.
set -eu
cd "$(dirname "$0")/../.."
first=${MB_SEED:-1}
count=${SEEDS:-10000}
ninja -C build/main --quiet tests/simulation/simulate
echo "simulate: seeds $first to $((first + count - 1))"
exec build/main/tests/simulation/simulate --seeds "$first-$((first + count - 1))" --jobs 0 --minutes "${MB_BUDGET_MINUTES:-0}"
