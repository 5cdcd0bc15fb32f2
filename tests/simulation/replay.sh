#!/bin/sh
# make replay: simulated histories from SEED on, asked of the embedded API server and of kube-apiserver. SEEDS (40), MINUTES (30).
set -eu
cd "$(dirname "$0")/../.."
tests/conformance/setup.sh
. build/conformance/environment
ninja -C build/main --quiet tests/simulation/simulate
exec tests/simulation/replay.py build/main/tests/simulation/simulate "${MB_SEED:-1}" "${SEEDS:-40}" --kubernetes "$MB_KUBERNETES"
