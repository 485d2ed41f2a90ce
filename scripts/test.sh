#!/usr/bin/env bash
# Everything that has to be true of a commit: shipped data, format, lints, and all tests against real
# servers, which it starts first and always ends.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

data_is_what_was_committed() {
  (cd data && sha256sum --check --strict SHA256SUMS)
}

# The tests' build has made both programs.
a_short_chaos_run() {
  local built=${CARGO_TARGET_DIR:-target}/debug
  "$built/churn-chaos" --program "$built/churn" --seed 1 --faults 10 --roll "$built/churn" --restore
}

# Once more, now that the program can be asked for its commands.
documented_commands() {
  scripts/check-docs.py "${CARGO_TARGET_DIR:-target}/debug/churn"
}

ensure_rust
step "shipped data" data_is_what_was_committed
step "tools for the tests" scripts/ensure-test-tools.sh
scripts/lint.sh
step "build" cargo test --workspace --no-run
step "documented commands" documented_commands
trap 'scripts/test-servers.sh down' EXIT
step "test servers" scripts/test-servers.sh up
step "tests" cargo test --workspace --no-fail-fast
step "faults, a rolling restart, and a restored backup" a_short_chaos_run
step "warehouse" scripts/check-warehouse.sh
step "monitoring" scripts/check-monitoring.sh
echo "==> all passed in $SECONDS s"
