#!/bin/sh
# make fuzz: each target for its share of MB_BUDGET_MINUTES (2), from the seed MB_SEED (1) and the examples. A target that finds
# something leaves the input in build/fuzz/found and counts as failed. Ends with `N passed, N failed`.
# tests/fuzz/run.sh [SECONDS_PER_TARGET [SEED]] sets both by hand.
set -eu
cd "$(dirname "$0")/../.."
build=build/fuzz
seed=${2:-${MB_SEED:-1}}
minutes=${MB_BUDGET_MINUTES:-2}
targets="fuzz_json fuzz_yaml fuzz_booster fuzz_quantity fuzz_duration fuzz_selector fuzz_rfc3339 fuzz_patch fuzz_request fuzz_cel"

if [ ! -f $build/build.ninja ]; then
    mkdir -p build
    # Warnings are gcc's business in the other builds; clang has some of its own.
    CC=clang meson setup $build -Dfuzz=true -Dsanitize=true -Dwerror=false -Dwarning_level=0 >$build.log 2>&1 || { cat $build.log >&2; exit 1; }
fi
# shellcheck disable=SC2046
ninja -C $build $(for target in $targets; do echo "tests/fuzz/$target"; done) >$build.log 2>&1 || { tail -40 $build.log >&2; exit 1; }

passed=0
failed=0
seconds=${1:-$((minutes * 60 / $(echo "$targets" | wc -w)))}
mkdir -p $build/found
for target in $targets; do
    corpus=$build/corpus/$target
    mkdir -p "$corpus"
    seeds="tests/fuzz/corpus/${target#fuzz_}"
    [ -d "$seeds" ] || seeds="examples tests/fuzz/seeds"
    dictionary=""
    [ ! -f "tests/fuzz/$target.dict" ] || dictionary="-dict=tests/fuzz/$target.dict"
    echo "fuzz: $target, $seconds s, seed $seed"
    # shellcheck disable=SC2086
    if ASAN_OPTIONS=detect_leaks=1 "$build/tests/fuzz/$target" $dictionary -seed="$seed" -max_total_time="$seconds" -max_len=16384 -timeout=20 \
        -rss_limit_mb=2560 -artifact_prefix="$build/found/$target-" -print_final_stats=1 "$corpus" $seeds >"$build/$target.log" 2>&1
    then
        passed=$((passed + 1))
        grep -E 'number_of_executed_units' "$build/$target.log" || true
    else
        failed=$((failed + 1))
        tail -40 "$build/$target.log"
        echo "fuzz: $target failed; the input is in $build/found, the log in $build/$target.log"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
