#!/usr/bin/env bash
# All benchmarks. Those of the stages run the parts as processes on the test servers' Kafka and on a Postgres that waits
# for its disk; on a machine that does anything else meanwhile their ratios mean little.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ensure_rust
cargo bench --workspace --profile dev --no-run
trap 'scripts/test-servers.sh down' EXIT
step "test servers" scripts/test-servers.sh up
cargo bench --workspace --profile dev
