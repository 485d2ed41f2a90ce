#!/usr/bin/env bash
# Builds the warehouse through a stream's life (dbt/check/scenarios.py) on a Postgres of its own, which it starts and removes.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/find-postgres.sh >/dev/null || apt_install postgresql
scripts/ensure-dbt.sh
server=crates/testkit/servers/postgres.sh
folder=.tools/run/own/postgres-warehouse
mkdir -p "$folder"
trap '$server remove $folder' EXIT
$server start "$folder"
.tools/dbt/bin/python dbt/check/scenarios.py "$(cat "$folder/address")"
