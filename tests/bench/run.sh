#!/bin/sh
# Measures the controller against a real API server, and the embedded API server beside it, and prints every figure beside its bound.
#   MODEL_BOOSTER      the program (build/main/model-booster); measure an optimised build
#   MB_BENCH_CROWD     ModelBoosters in the throughput figure (500)
#   MB_BENCH_BOOSTERS  ModelBoosters in the memory figure (10000)
#   MB_BENCH_START     ModelBoosters in the start figure (1000)
#   MB_BENCH_SERVINGS  ModelServings in the figures of the API servers (10000)
#   MB_BENCH_GROWTH    objects in the growth figure (100000)
#   MB_BENCH_EDITS     edits a second in the figure of edits on kube-apiserver (20); on the embedded server it is 100
#   MB_BENCH_NAMESPACES  namespaces in the figure of watches (50)
#   MB_RUN             only the measurements that match: TestRequests, TestThroughput, TestMemory, TestServers, TestStart, TestGrowth,
#                      TestStandaloneThroughput, TestEdits (4 minutes; TestEdits/embedded: 1), TestRecovery (2), TestWatchMemory
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
"$root/tests/conformance/setup.sh"
. "$root/build/conformance/environment"
MODEL_BOOSTER=${MODEL_BOOSTER:-$root/build/main/model-booster}
[ -x "$MODEL_BOOSTER" ] || { echo "bench: $MODEL_BOOSTER is not there; run make first, or set MODEL_BOOSTER" >&2; exit 1; }
export MODEL_BOOSTER MB_KUBERNETES MB_ROOT="$root" MB_BUDGET_MINUTES="${MB_BUDGET_MINUTES:-120}"
export GOTOOLCHAIN=local GOFLAGS='-mod=readonly -buildvcs=false' CGO_ENABLED=0

# Each part is measured, whatever another has missed.
status=0
"${MB_BENCH_SERVER:-$root/build/main/tests/bench/bench_server}" || status=1
render=${MB_BENCH_RENDER:-$root/build/main/tests/bench/bench_render}
(cd "$root" && "$render" examples/quickstart.yaml examples/multi-backend-weighted.yaml examples/prefill-decode.yaml) || status=1
export MB_BENCH_LOAD="${MB_BENCH_LOAD:-$root/build/main/tests/bench/load}"
(cd "$here" && "$GO" vet ./*.go && "$GO" test -c -o "$root/build/conformance/bench.test" ./*.go) # by name: the C programs beside them are none of Go's
cd "$root/build/conformance"
./bench.test -test.timeout "${MB_BUDGET_MINUTES}m" ${MB_RUN:+-test.run "$MB_RUN"} || status=1
exit $status
