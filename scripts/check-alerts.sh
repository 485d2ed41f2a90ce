#!/usr/bin/env bash
# Lets a scenario happen to a demo at 5,000 events/s, watched by a real Prometheus and Alertmanager with the rules of
# compose/observability, and measures the seconds from its first event to the alarm's receipt by a webhook.
# check-alerts.sh [SCENARIO] [MOST SECONDS]
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scenario=${1:-covariate-drift}
most=${2:-15}
rules=$root/compose/observability/alerts.yaml
program=${CARGO_TARGET_DIR:-$root/target}/debug/churn
for tool in prometheus prometheus-alertmanager promtool amtool python3; do
  have "$tool" || apt_install prometheus prometheus-alertmanager python3
done
[ -x "$program" ] || die "$program is missing; build it first: cargo build -p churn"

work=$(mktemp -d)
started=()
finish() {
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT

# Four ports that are free at this moment.
read -r demo_port prometheus_port alertmanager_port hook_port < <(python3 -c '
import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
print(*[one.getsockname()[1] for one in held])')

cat >"$work/prometheus.yml" <<YAML
global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
rule_files: ["$rules"]
alerting: { alertmanagers: [{ static_configs: [{ targets: ["127.0.0.1:$alertmanager_port"] }] }] }
scrape_configs: [{ job_name: churn, static_configs: [{ targets: ["127.0.0.1:$demo_port"] }] }]
YAML
cat >"$work/alertmanager.yml" <<YAML
route: { receiver: hook, group_by: [alertname], group_wait: 1s, group_interval: 1s, repeat_interval: 1h }
receivers: [{ name: hook, webhook_configs: [{ url: "http://127.0.0.1:$hook_port/" }] }]
YAML
promtool check config "$work/prometheus.yml" >"$work/checks" || die "$(cat "$work/checks")"
amtool check-config "$work/alertmanager.yml" >"$work/checks" || die "$(cat "$work/checks")"

python3 "$root/scripts/alert-receipts.py" "$hook_port" "$work/receipts" &
started+=($!)
prometheus-alertmanager --config.file="$work/alertmanager.yml" --storage.path="$work/am" --cluster.listen-address= \
  --web.listen-address="127.0.0.1:$alertmanager_port" 2>"$work/alertmanager.log" &
started+=($!)
mkdir "$work/demo"
(cd "$work/demo" && exec env CHURN__HTTP__LISTEN="127.0.0.1:$demo_port" "$program" demo --rate 5000 \
  --duration 45s --scenario "$scenario" --at 15s --report "$work/report.json" --json) >"$work/demo.out" 2>"$work/demo.log" &
demo=$!
started+=("$demo")
# A part that is still starting is no part that is down.
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data" \
  --web.listen-address="127.0.0.1:$prometheus_port" 2>"$work/prometheus.log" &
started+=($!)

wait "$demo" || die "the demo failed: $(tail -n 20 "$work/demo.log")"
python3 "$root/scripts/alert-receipts.py" --judge "$work/report.json" "$work/receipts" "$most"
