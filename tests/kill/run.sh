#!/bin/sh
# run.sh [ROUNDS [FLAGS...]]: kills `model-booster standalone FLAGS` under load, ROUNDS (20) times on the same data, and holds what
# it finds afterwards against what it had been told. SEED= (MB_SEED) draws other writes and moments. Ends with `N passed, N failed`.
set -eu
cd "$(dirname "$0")/../.."
python3 -B tests/kill/check_history.py
rounds=${1:-20}
[ $# -eq 0 ] || shift
exec python3 -B tests/kill/kill.py --program "${MODEL_BOOSTER:-build/main/model-booster}" --seed "${MB_SEED:-1}" --rounds "$rounds" -- "$@"
