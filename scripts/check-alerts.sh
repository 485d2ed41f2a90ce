#!/usr/bin/env bash
# Lets a scenario happen to a demo at 5,000 events/s, watched by a real Prometheus and Alertmanager with the shipped rules, and measures
# the seconds from its first event to the alert's receipt by a webhook.
# check-alerts.sh [SCENARIO|all|quiet] [MOST SECONDS, or for quiet the length]
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scenario=${1:-covariate-drift}
program=${CHURN_BIN:-${CARGO_TARGET_DIR:-$root/target}/debug/churn}
scripts/ensure-monitoring.sh
[ -x "$program" ] || die "$program is missing; build it first: cargo build -p churn"

watch() {
  python3 scripts/monitoring/watch.py "$(realpath "$program")" "$@"
}

case $scenario in
quiet) watch --quiet "${2:-600}" ;;
all)
  for scenario in covariate-drift concept-drift label-shift missing-values new-category burst silence; do
    watch --scenario "$scenario" --most "${2:-15}"
  done
  ;;
*) watch --scenario "$scenario" --most "${2:-15}" ;;
esac
