#!/usr/bin/env bash
# chaos.sh SEED FAULTS [ARGUMENTS...]: breaks the whole stack on purpose and ends with one line, the verdict.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

seed=${1:?usage: chaos.sh SEED FAULTS [ARGUMENTS...]} faults=${2:?usage: chaos.sh SEED FAULTS [ARGUMENTS...]}
shift 2
ensure_rust
build_programs
use_test_servers >/dev/null
"${CARGO_TARGET_DIR:-target}/debug/churn-chaos" --program "${CARGO_TARGET_DIR:-target}/debug/churn" --seed "$seed" --faults "$faults" "$@"
