# What the scripts share; sourced, not run.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit

# `make` hands its own flags, and variables such as ARGS, to every make below it: also to the one that a
# dependency's build runs.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL

die() {
  echo "$*" >&2
  exit 1
}

# step NAME COMMAND...: runs it and says how long it took; a failing step ends the script.
step() {
  local name=$1 started=$SECONDS status
  shift
  echo "==> $name"
  # A subshell, and neither `||` nor `if` around it: errexit is off inside those, and a function would go on after
  # the command of it that failed.
  set +e
  (
    set -e
    "$@"
  )
  status=$?
  set -e
  if ((status != 0)); then
    echo "==> $name FAILED (exit $status) after $((SECONDS - started)) s" >&2
    exit "$status"
  fi
  echo "==> $name: $((SECONDS - started)) s"
}

# As `step`, but not where the status is asked for, so that the first failure in a function ends the script.
stage() {
  local name=$1 started=$SECONDS
  shift
  echo "==> $name"
  "$@"
  echo "==> $name: $((SECONDS - started)) s"
}

# The program and those that put it to the test, with the very features of the tests' build: another choice of packages or profile would
# compile half of the workspace anew.
build_programs() {
  cargo test --quiet --workspace --no-run
}

# Starts the servers of the tests, and ends them with the script; those that run already are left running.
use_test_servers() {
  [ -f .tools/run/servers.json ] || trap 'scripts/test-servers.sh down' EXIT
  scripts/test-servers.sh up
}

have() {
  command -v "$1" >/dev/null
}

may_use_apt() {
  have apt-get && [ "$(id -u)" = 0 ]
}

# A fresh container knows no packages at all before this.
apt_update() {
  may_use_apt || return 0
  apt-get update -qq </dev/null >&2
}

# apt_install PACKAGE...: by root, where there is apt; otherwise says the one command that does it.
apt_install() {
  have apt-get || die "please install the equivalent of these Debian packages: $*"
  may_use_apt || die "please run: sudo apt-get install --no-install-recommends -y $*"
  echo "installing $*" >&2
  apt_update
  # Another apt may be at work for a while, as on a machine that has just started.
  DEBIAN_FRONTEND=noninteractive apt-get install --no-install-recommends -y -qq \
    -o DPkg::Lock::Timeout=120 "$@" </dev/null >&2
}

ensure_rust() {
  have cargo || die "cargo is missing; please install Rust by rustup: https://rustup.rs"
  ensure_compilers
}

# TLS to Kafka is compiled against the system's OpenSSL.
have_openssl() {
  [ -n "${OPENSSL_DIR:-}" ] || { have pkg-config && pkg-config --exists 'openssl >= 1.1.0'; } ||
    { have brew && [ -d "$(brew --prefix openssl@3 2>/dev/null)/include/openssl" ]; }
}

ensure_openssl() {
  have_openssl || apt_install libssl-dev pkg-config
  have_openssl || die "OpenSSL's headers are not where pkg-config looks: set OPENSSL_DIR"
}

# The Kafka client's C library is compiled here; its build wants a C++ compiler as well.
ensure_compilers() {
  local missing=()
  have cc || have gcc || have clang || missing+=(gcc libc6-dev)
  have c++ || have g++ || have clang++ || missing+=(g++)
  have make || missing+=(make)
  ((${#missing[@]} == 0)) || apt_install "${missing[@]}"
}
