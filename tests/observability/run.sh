#!/bin/sh
# What Prometheus' own tool says of the alert rules, of their unit tests (alerts_test.yaml), and of what the controller prints.
#
#   make observability
#
# promtool is taken out of the distribution's package, which is not installed: it would start a Prometheus. PROMTOOL= names another one.
set -u
cd "$(dirname "$0")/../.." || exit 1
work=build/observability
program=${MODEL_BOOSTER:-build/main/model-booster}
mkdir -p "$work"
passed=0
failed=0

# check NAME COMMAND...
check() {
    name=$1
    shift
    if "$@" >"$work/$name.log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$name:"
        sed 's/^/  /' "$work/$name.log"
    fi
}

find_promtool() {
    promtool=${PROMTOOL:-$(command -v promtool || true)}
    [ -n "$promtool" ] && return 0
    promtool=$PWD/$work/package/usr/bin/promtool
    [ -x "$promtool" ] && return 0
    command -v apt-get >/dev/null || return 1
    rm -rf "$work/package"
    unpack_package || { update_lists && unpack_package; }
    [ -x "$promtool" ]
}

unpack_package() {
    (cd "$work" && apt-get download -qq prometheus && dpkg-deb -x prometheus_*.deb package && rm -f prometheus_*.deb) >"$work/download.log" 2>&1
}

# A machine that is new has no lists of packages.
update_lists() {
    root=""
    [ "$(id -u)" -eq 0 ] || root=sudo
    $root apt-get update -q >"$work/download.log" 2>&1
}

serve() {
    : >"$work/standalone.out"
    "$program" standalone --temporary --simulate-serving --simulate-delay-ms 20 --apply examples/quickstart.yaml \
        --kubeconfig-out "$work/kubeconfig" --metrics-bind-address 127.0.0.1:0 >"$work/standalone.out" 2>"$work/standalone.log" &
    server=$!
    trap 'kill "$server" 2>/dev/null' EXIT
    until grep -q '^Ctrl-C' "$work/standalone.out"; do
        kill -0 "$server" 2>/dev/null || return 1
    done
    KUBECONFIG=$work/kubeconfig "$program" wait modelbooster/quickstart --for=condition=Active --timeout 60s
    address=$(sed -n 's/.*serving metrics and health address=//p' "$work/standalone.log")
    python3 - "$address" >"$work/metrics.txt" <<'PYTHON'
import sys
import urllib.request
sys.stdout.write(urllib.request.urlopen(f"http://{sys.argv[1]}/metrics", timeout=60).read().decode())
PYTHON
}

# The dashboard's expressions as rules, which promtool can read.
dashboard_rules() {
    python3 - <<'PYTHON'
import json
import re
rules = []
for panel in json.load(open("deploy/observability/dashboard.json"))["panels"]:
    for target in panel.get("targets", []):
        expression = re.sub(r"\$__rate_interval", "5m", target["expr"]).replace("$job", ".+")
        rules.append({"record": f"panel:{panel['id']}:{target['refId']}", "expr": expression})
print(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
PYTHON
}

if ! find_promtool; then
    echo "skipped: promtool's checks (no promtool here, and no package prometheus to take it from; see $work/download.log)"
    echo "0 passed, 0 failed, 5 skipped"
    exit 0
fi
sed '1,/^spec:/d; s/^  //' deploy/observability/prometheusrule.yaml >"$work/rules.yaml"
cp tests/observability/alerts_test.yaml "$work/alerts_test.yaml"
dashboard_rules >"$work/dashboard.yaml"
check rules "$promtool" check rules "$work/rules.yaml"
check dashboard "$promtool" check rules "$work/dashboard.yaml"
check alerts "$promtool" test rules "$work/alerts_test.yaml"
check serve serve
# shellcheck disable=SC2016
check metrics sh -c '"$1" check metrics <"$2"' check "$promtool" "$work/metrics.txt"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
