#!/usr/bin/env bash
# Installs Prometheus and Alertmanager (promtool and amtool come with them) where they are missing: by apt as root; otherwise it says
# the command. Where there is no apt, put the programs of their releases on PATH, Alertmanager as `prometheus-alertmanager`.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

missing=()
{ have prometheus && have promtool; } || missing+=(prometheus)
{ have prometheus-alertmanager && have amtool; } || missing+=(prometheus-alertmanager)
have python3 || missing+=(python3)
((${#missing[@]} == 0)) || apt_install "${missing[@]}"
