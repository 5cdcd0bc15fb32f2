#!/bin/sh
# make endurance: the churn of suite/endurance_test.go for MB_BUDGET_MINUTES (10), the first minute for the ModelBoosters, the last 90 s for the end.
#   MB_SERVERS             kubernetes, or embedded
#   MB_ENDURANCE_BOOSTERS  ModelBoosters (2000)
#   MB_ENDURANCE_RATE      edits a second (20)
# A run that is shorter or smaller than 10 minutes, 2,000 and 20 says so. Ends with `N passed, N failed`.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
minutes=${MB_BUDGET_MINUTES:-10}
if [ "$minutes" -lt 4 ]; then
    echo "skipped: endurance needs 4 minutes, not $minutes"
    echo "0 passed, 0 failed"
    exit 0
fi
export MB_ENDURANCE="$minutes" MB_BUDGET_MINUTES=$((minutes + 5)) MB_RUN='^TestEndurance$' MB_SETS=ours MB_SERVERS="${MB_SERVERS:-kubernetes}"
export MODEL_BOOSTER_NEWER="${MODEL_BOOSTER:-$root/build/main/model-booster}" # not used by this test
exec "$root/tests/conformance/run.sh"
