#!/usr/bin/env bash
# demo.sh ARGUMENTS...: builds the program and becomes its `demo` command, whose exit status it keeps.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/ensure-demo.sh
features=()
# The demo's own broker needs no TLS: without OpenSSL's headers the program is built without it.
have_openssl || features=(--no-default-features)
cargo build -p churn "${features[@]}"
exec "${CARGO_TARGET_DIR:-target}/debug/churn" demo "$@"
