#!/usr/bin/env bash
# bench-warehouse.sh: a million scores built in full, then 100,000 more as an increment, on a Postgres of its own. Prints the models'
# execution times (run_results.json), their ratio and the comparison with a full refresh, row for row; fails where the ratio is above
# 0.2 or a row differs.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/find-postgres.sh >/dev/null || apt_install postgresql
scripts/ensure-dbt.sh
server=crates/testkit/servers/postgres.sh
folder=.tools/run/own/postgres-bench
mkdir -p "$folder"
trap '$server remove $folder' EXIT
$server start "$folder"
.tools/dbt/bin/python dbt/check/bench.py "$(cat "$folder/address")" "$@"
