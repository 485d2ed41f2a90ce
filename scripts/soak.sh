#!/usr/bin/env bash
# soak.sh MINUTES [ARGUMENTS...]: what each part holds when idle and under full load; fails when one holds too much or grows.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

minutes=${1:?usage: soak.sh MINUTES [ARGUMENTS...]}
shift
ensure_rust
build_programs
use_test_servers >/dev/null
"${CARGO_TARGET_DIR:-target}/debug/churn-soak" --program "${CARGO_TARGET_DIR:-target}/debug/churn" --minutes "$minutes" "$@"
