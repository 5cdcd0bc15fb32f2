#!/bin/sh
# make install puts everything under DESTDIR and PREFIX, and what it puts there works. Ends with `N passed, N failed`.
set -u
cd "$(dirname "$0")/.." || exit 1
stage=$(pwd)/build/install
passed=0
failed=0

check() {
    label=$1
    shift
    if "$@" >"$stage.log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "failed   $label: $*"
        tail -20 "$stage.log"
    fi
}

rm -rf "$stage"
mkdir -p build
check "installs" make install DESTDIR="$stage" PREFIX=/opt/mb
check "nothing lies outside the prefix" test "$(ls "$stage")" = opt
check "program" "$stage/opt/mb/bin/model-booster" version
for file in deploy/kustomization.yaml deploy/rbac.yaml deploy/crds/kustomization.yaml examples/quickstart.yaml; do
    check "$file" cmp "$file" "$stage/opt/mb/share/model-booster/$file"
done
for file in README.md LICENSE CHANGELOG.md; do
    check "$file" cmp "$file" "$stage/opt/mb/share/doc/model-booster/$file"
done
check "documents" cmp docs/install.md "$stage/opt/mb/share/doc/model-booster/docs/install.md"
check "examples are valid" "$stage/opt/mb/bin/model-booster" validate -f "$stage/opt/mb/share/model-booster/examples"
rm -rf "$stage" "$stage.log"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
