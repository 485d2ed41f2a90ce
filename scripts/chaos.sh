#!/usr/bin/env bash
# chaos.sh SEED FAULTS [ARGUMENTS...]: breaks the whole stack on purpose and ends with one line, the verdict.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

seed=${1:?usage: chaos.sh SEED FAULTS [ARGUMENTS...]} faults=${2:?usage: chaos.sh SEED FAULTS [ARGUMENTS...]}
shift 2
ensure_rust
# Servers that run already are left running.
running=no
[ -f .tools/run/servers.json ] && running=yes
cargo build -p churn -p churn-chaos
[ "$running" = yes ] || trap 'scripts/test-servers.sh down' EXIT
scripts/test-servers.sh up >/dev/null
"${CARGO_TARGET_DIR:-target}/debug/churn-chaos" --program "${CARGO_TARGET_DIR:-target}/debug/churn" --seed "$seed" --faults "$faults" "$@"
