#!/bin/sh
# Sends every request of cases/ to a real kube-apiserver and to `model-booster standalone`, and ends with one line of counts.
#   MODEL_BOOSTER   the program under test (build/main/model-booster)
#   MB_RUN          only cases whose topic/name matches this expression
#   MB_SELF=1       compares kube-apiserver with itself: whatever differs then is the suite's own fault
#   MB_RECORD       folder for kube-apiserver's answers, a file a topic
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
"$here/../conformance/setup.sh"
. "$root/build/conformance/environment"
MODEL_BOOSTER=${MODEL_BOOSTER:-$root/build/main/model-booster}
[ "${MB_SELF:-}" != 1 ] || MODEL_BOOSTER=
export GOTOOLCHAIN=local GOFLAGS='-mod=readonly -buildvcs=false' CGO_ENABLED=0
(cd "$here" && "$GO" vet . && "$GO" build -o "$root/build/conformance/differential" .)
cd "$root"
exec build/conformance/differential -kubernetes "$MB_KUBERNETES" -embedded "$MODEL_BOOSTER" -cases tests/differential/cases \
    -known tests/differential/known.txt -doc docs/standalone.md -record "${MB_RECORD:-}" -only "${MB_RUN:-}"
