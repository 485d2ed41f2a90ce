#!/usr/bin/env bash
# Prints monitoring/prometheus/rules as an object of Prometheus's operator: k8s/components/prometheus-operator/rules.yaml.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

cat <<'YAML'
# The rules of monitoring/prometheus/rules, made by scripts/monitoring/operator-rules.sh > k8s/components/prometheus-operator/rules.yaml
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: churn
  labels: { app.kubernetes.io/name: churnstream }
spec:
  groups:
YAML
for file in monitoring/prometheus/rules/*.yaml; do
  # What stands before the groups is about the file; an empty line stays empty.
  sed '1,/^groups:$/d; s/^./  &/' "$file"
done
