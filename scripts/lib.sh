# What the scripts share; sourced, not run.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# rustup puts cargo here, but a container's shell may not have read its profile.
if ! command -v cargo >/dev/null && [ -x "${HOME:-}/.cargo/bin/cargo" ]; then
  PATH=$HOME/.cargo/bin:$PATH
fi

die() {
  echo "$*" >&2
  exit 1
}

# step NAME COMMAND...: runs it and says how long it took; a failing step ends the script.
step() {
  local name=$1 started=$SECONDS status=0
  shift
  echo "==> $name"
  "$@" || status=$?
  if ((status != 0)); then
    echo "==> $name FAILED (exit $status) after $((SECONDS - started)) s" >&2
    exit "$status"
  fi
  echo "==> $name: $((SECONDS - started)) s"
}

have() {
  command -v "$1" >/dev/null
}

# apt_install PACKAGE...: by root, where there is apt; otherwise says the one command that does it.
apt_install() {
  if ! have apt-get; then
    die "please install the equivalent of these Debian packages: $*"
  fi
  if [ "$(id -u)" != 0 ]; then
    die "please run: sudo apt-get install --no-install-recommends -y $*"
  fi
  echo "installing $*" >&2
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq </dev/null >&2
  apt-get install --no-install-recommends -y -qq "$@" </dev/null >&2
}

ensure_rust() {
  have cargo || die "cargo is missing; please install Rust by rustup: https://rustup.rs"
  have cc || have gcc || have clang || die "a C compiler is missing; please run: sudo apt-get install -y build-essential (or your system's equivalent)"
  have make || die "make is missing; please run: sudo apt-get install -y build-essential (or your system's equivalent)"
}
