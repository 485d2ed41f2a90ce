#!/usr/bin/env bash
# Rules, routes and dashboards: what promtool and amtool say of them, whom a real Alertmanager tells, and a demo with an injected drift
# whose alert has to reach a webhook while every panel of every dashboard has to find data in Prometheus and Postgres.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

program=${CHURN_BIN:-${CARGO_TARGET_DIR:-$root/target}/debug/churn}
scratch=$(mktemp -d)
server=crates/testkit/servers/postgres.sh
postgres=.tools/run/own/postgres-monitoring

finish() {
  [ ! -d "$postgres" ] || "$server" remove "$postgres"
  rm -rf "$scratch"
}
trap finish EXIT

rules() {
  cp -r monitoring/prometheus "$scratch/prometheus"
  # promtool insists on the file of the token, which Compose mounts.
  touch "$scratch/token"
  sed -i.before "s#/run/secrets/http_token#$scratch/token#" "$scratch/prometheus/prometheus.yaml"
  promtool check config "$scratch/prometheus/prometheus.yaml"
  promtool test rules monitoring/prometheus/tests/*.yaml
  scripts/monitoring/operator-rules.sh | cmp - k8s/components/prometheus-operator/rules.yaml ||
    die "run: scripts/monitoring/operator-rules.sh > k8s/components/prometheus-operator/rules.yaml"
}

# What stands between two lines of a file that begin so.
between() {
  sed -n "/^$1/,/^$2/p" "$3"
}

routes() {
  local config=monitoring/alertmanager/alertmanager.yaml expected labels got
  amtool check-config "$config" monitoring/alertmanager/shown.yaml
  diff <(between route: receivers: "$config") <(between route: receivers: monitoring/alertmanager/shown.yaml) ||
    die "shown.yaml has other routes or inhibitions than alertmanager.yaml"
  while read -r expected labels; do
    # The labels are words of their own.
    # shellcheck disable=SC2086
    got=$(amtool config routes test --config.file="$config" $labels 2>/dev/null)
    [ "$got" = "$expected" ] || die "an alert with $labels goes to $got, not to $expected"
  done < <(grep -v '^#' monitoring/alertmanager/routes.txt)
}

notifications() {
  mkdir "$scratch/notifications"
  python3 scripts/monitoring/notifications.py "$scratch/notifications"
}

drift_is_told_and_shown() {
  local database
  mkdir -p "$postgres"
  "$server" start "$postgres"
  database=$(cat "$postgres/address")/monitoring
  psql -X -q -c "create database monitoring" "${database%/*}/postgres"
  python3 scripts/monitoring/watch.py "$(realpath "$program")" --scenario covariate-drift --panels "$database"
}

step "tools for the monitoring" scripts/ensure-monitoring.sh
scripts/find-postgres.sh >/dev/null || apt_install postgresql
[ -x "$program" ] || die "$program is missing; build it first: cargo build -p churn"
step "dashboards are as generated" python3 monitoring/grafana/generate.py --check
step "rules" rules
step "routes" routes
step "notifications" notifications
step "a drift, told and shown" drift_is_told_and_shown
