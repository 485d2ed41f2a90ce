#!/usr/bin/env bash
# outage.sh [ARGUMENTS...]: Postgres away, or its disk full, for two minutes under load (see churn-outage --help).
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ensure_rust
cargo build --release -p churn
cargo build -p churn-chaos
use_test_servers >/dev/null
"${CARGO_TARGET_DIR:-target}/debug/churn-outage" --program "${CARGO_TARGET_DIR:-target}/release/churn" "$@"
