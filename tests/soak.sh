#!/bin/sh
# make soak: rounds of simulation, fuzzing, memory that runs out, 1,000 kills, the conformance suite and an hour of endurance (or what is left of the
# time), each round with the next seed, until MB_BUDGET_MINUTES (60) are over.
# Stops at the first round that fails, naming its seed. Ends with `N passed, N failed`, in rounds of a suite.
set -u
cd "$(dirname "$0")/.." || exit 1
minutes=${MB_BUDGET_MINUTES:-60}
seed=${MB_SEED:-1}
end=$(($(date +%s) + minutes * 60))
passed=0
mkdir -p build

seconds_left() { echo $((end - $(date +%s))); }

# round MINUTES SUITE: 2 when there is no time for it
round() {
    left=$(($(seconds_left) / 60))
    [ "$left" -ge 1 ] || return 2
    budget=$1
    [ "$budget" -le "$left" ] || budget=$left
    shift
    echo "soak: seed $seed, at most $budget minutes: $*"
    MB_SEED=$seed MB_BUDGET_MINUTES=$budget "$@" >build/soak.log 2>&1 || return 1
}

while [ "$(seconds_left)" -ge 60 ]; do
    for suite in "15 tests/simulation/run.sh" "20 tests/fuzz/run.py" "15 tests/torture/run.py" "10 tests/kill/run.sh 1000" \
        "26 tests/conformance/run.sh" "60 tests/conformance/endurance.sh"; do
        # shellcheck disable=SC2086
        round $suite
        case $? in
        0) passed=$((passed + 1)) ;;
        2) break ;;
        *)
            tail -40 build/soak.log
            echo "soak: failed with seed $seed; the whole log is build/soak.log"
            echo "$passed passed, 1 failed"
            exit 1
            ;;
        esac
    done
    seed=$((seed + 10000)) # past the histories of the simulation, which have a seed each
done
echo "$passed passed, 0 failed"
[ "$passed" -gt 0 ]
