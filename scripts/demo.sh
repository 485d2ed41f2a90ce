#!/usr/bin/env bash
# demo.sh ARGUMENTS...: builds the program and becomes its `demo` command, whose exit status it keeps.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/ensure-demo.sh
cargo build -p churn
exec "${CARGO_TARGET_DIR:-target}/debug/churn" demo "$@"
