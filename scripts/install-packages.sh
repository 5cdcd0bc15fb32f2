#!/bin/sh
# Installs the packages that building and testing need, saying which before it does. Debian 12, Debian 13, Ubuntu 24.04.
# Does nothing, and asks nothing, where all of them are there already.
set -eu

packages="gcc libc6-dev meson ninja-build pkg-config libyaml-dev libcurl4-openssl-dev libevent-dev libssl-dev libxxhash-dev uthash-dev libcmocka-dev libsqlite3-dev libpcre2-dev libbsd-dev zlib1g-dev libseccomp-dev libyyjson-dev"

is_installed() { dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

missing=""
for package in $packages "$@"; do
    is_installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "make: these packages are missing and there is no apt-get to install them:$missing" >&2
    exit 1
fi
root=""
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "make: these packages are missing; install them as root, or run $(pwd)/$0 as root:$missing" >&2
        exit 1
    fi
    root="sudo env DEBIAN_FRONTEND=noninteractive" # sudo clears the environment
fi
# A machine that has just started may still be installing its updates.
install="$root apt-get install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=120"
echo "make: installing with apt:$missing"
export DEBIAN_FRONTEND=noninteractive
$root apt-get update -q >/dev/null

# Debian 12 and Ubuntu 24.04 have no yyjson. Take the two packages of Debian 13 (they need only libc6) through a private package
# list, so that the machine's own apt sources stay as they are.
if echo "$missing" | grep -q libyyjson-dev && ! apt-cache show libyyjson-dev >/dev/null 2>&1; then
    missing=$(echo "$missing" | sed 's/libyyjson-dev//')
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
    # shellcheck disable=SC2016
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Label: Debian' 2>/dev/null | head -1)
    [ -n "$mirror" ] || mirror=http://deb.debian.org/debian
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    [ -e "$keyring" ] || $install debian-archive-keyring >/dev/null
    echo "deb [signed-by=$keyring] $mirror trixie main" > "$work/sources.list"
    options="-o Dir::Etc::sourcelist=$work/sources.list -o Dir::Etc::sourceparts=/dev/null \
             -o Dir::State::lists=$work/lists -o Dir::Cache=$work/cache -o APT::Sandbox::User=root"
    # shellcheck disable=SC2086
    apt-get $options update -q >/dev/null
    # shellcheck disable=SC2086
    (cd "$work" && apt-get $options download -q libyyjson0 libyyjson-dev >/dev/null)
    $install "$work"/libyyjson0_*.deb "$work"/libyyjson-dev_*.deb >/dev/null
fi
# shellcheck disable=SC2086
[ -z "$(echo $missing)" ] || $install $missing >/dev/null
