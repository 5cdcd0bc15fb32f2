#!/bin/sh
# Runs the conformance suite on a real API server and on the embedded one, once for each set of definitions, and ends with one line of counts.
#   MODEL_BOOSTER       the program under test (build/main/model-booster)
#   MODEL_BOOSTER_NEWER a program with a newer generator, for the test of upgrades (built here)
#   MB_SERVERS          API servers ("embedded kubernetes"): `model-booster standalone --no-controller`, and Kubernetes' own on etcd
#   MB_SETS             sets of definitions ("ours kthena-v0.1.0")
#   MB_RUN              only the tests that match this expression
#   MB_BUDGET_MINUTES   time for the whole run with its set-up (60): tests that would start later are skipped
#   MB_SEED             of random choices; printed by each run
#   MB_KILLS, MB_CROWD  how often the controller is killed (50), ModelBoosters created at once (500)
#   MB_PARALLEL         tests side by side (4)
#   MB_CONFORMANCE_USE_CLUSTER=1 with KUBECONFIG: use that cluster and the definitions in MB_SETS (one set); tests that need
#                       to kill the server or to read its audit log are skipped. Not for a cluster with models you care about.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
started=$(date +%s)
"$here/setup.sh"
. "$root/build/conformance/environment"
out=$root/build/conformance
MODEL_BOOSTER=${MODEL_BOOSTER:-$root/build/main/model-booster}
[ -x "$MODEL_BOOSTER" ] || { echo "conformance: $MODEL_BOOSTER is not there; run make first, or set MODEL_BOOSTER" >&2; exit 1; }

# The program as its next generator version would be. Half a minute at first, nothing where the sources are as they were.
build_newer() {
    log=$out/newer.log
    { [ -f "$out/newer/build.ninja" ] || meson setup "$out/newer" "$root" -Dgenerator_version=next; } > "$log" 2>&1 &&
        ninja -C "$out/newer" model-booster >> "$log" 2>&1 || { cat "$log" >&2; exit 1; }
}
[ -n "${MODEL_BOOSTER_NEWER:-}" ] || { build_newer; MODEL_BOOSTER_NEWER=$out/newer/model-booster; }
export MODEL_BOOSTER MODEL_BOOSTER_NEWER MB_KUBERNETES MB_ROOT="$root"
[ -z "${MB_KUBECTL:-}" ] || export MB_KUBECTL MB_HELM
export GOTOOLCHAIN=local GOFLAGS='-mod=readonly -buildvcs=false' CGO_ENABLED=0
if [ -z "${MB_SEED:-}" ]; then MB_SEED=$(date +%s); fi
export MB_SEED
sets=${MB_SETS:-ours kthena-v0.1.0}
servers=${MB_SERVERS:-embedded kubernetes}
[ "${MB_CONFORMANCE_USE_CLUSTER:-}" != 1 ] || servers=kubernetes
budget=${MB_BUDGET_MINUTES:-60}

(cd "$here/suite" && "$GO" vet ./... && "$GO" test -c -o "$out/suite.test" . && "$GO" test -c -o "$out/cluster.test" ./cluster)

status=0
: > "$out/run.log"
# run LABEL MINUTES PROGRAM [ARGUMENT...]: runs tests verbosely, shows what a reader wants to see, keeps the rest in run.log.
run() {
    label=$1 minutes=$2
    shift 2
    echo "=== SET $label" >> "$out/run.log"
    echo "conformance: $label (at most $minutes minutes)"
    MB_BUDGET_MINUTES=$minutes "$@" -test.v -test.timeout "$((minutes + 15))m" -test.parallel "${MB_PARALLEL:-4}" > "$out/$label.log" 2>&1 || status=1
    cat "$out/$label.log" >> "$out/run.log"
    grep -E '^(--- |conformance:|panic:)' "$out/$label.log" | sed 's/^/  /' || true
}

cd "$here/suite"
remaining=$(( $(echo "$servers" | wc -w) * $(echo "$sets" | wc -w) ))
for server in $servers; do
    export MB_SERVER=$server
    [ -n "${MB_RUN:-}" ] || run "$server-itself" 5 "$out/cluster.test"
    for set in $sets; do
        minutes=$(( (budget - ($(date +%s) - started) / 60) / remaining ))
        [ "$minutes" -ge 1 ] || minutes=1
        remaining=$((remaining - 1))
        MB_DEFINITIONS=$set run "$server-$set" "$minutes" "$out/suite.test" ${MB_RUN:+-test.run "$MB_RUN"}
    done
done

[ "$status" -eq 0 ] || echo "conformance: full logs in $out/*.log (seed $MB_SEED)" >&2
# Counts are of the leaves: a test with subtests is as good as these.
awk '
    /^=== SET /                  { set = $3 }
    /^=== (RUN|NAME|CONT) /      { current = set " " $3 }
    /skipped: /                  { text = $0; sub(/^.*skipped: /, "", text); why[current] = text }
    /^ *--- (PASS|FAIL|SKIP): /  {
        line = $0; sub(/^ *--- /, "", line)
        result = substr(line, 1, 4); name = substr(line, 7); sub(/ \([0-9.]+s\)$/, "", name)
        verdict[set " " name] = result
        while (match(name, /\/[^\/]*$/)) { name = substr(name, 1, RSTART - 1); parent[set " " name] = 1 }
    }
    END {
        for (name in verdict) {
            if (name in parent && verdict[name] != "FAIL") continue
            count[verdict[name]]++
            if (verdict[name] == "SKIP") print "skipped  " name ": " why[name]
        }
        for (name in verdict) if (verdict[name] == "FAIL") print "failed   " name
        printf "%d passed, %d failed, %d skipped\n", count["PASS"], count["FAIL"], count["SKIP"]
    }
' "$out/run.log" | { sort -s -k1,1r > "$out/summary"; grep -v ' passed, ' "$out/summary" || true; grep ' passed, ' "$out/summary"; }
exit "$status"
