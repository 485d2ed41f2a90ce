#!/usr/bin/env bash
# outage.sh [ARGUMENTS...]: Postgres away, or its disk full, for two minutes under load (see churn-outage --help).
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ensure_rust
build_programs
use_test_servers >/dev/null
"${CARGO_TARGET_DIR:-target}/debug/churn-outage" --program "${CARGO_TARGET_DIR:-target}/debug/churn" "$@"
