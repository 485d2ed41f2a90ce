#!/usr/bin/env bash
# Lints the warehouse's SQL, and builds it through a stream's life (dbt/check/scenarios.py) on a Postgres of its own, which it starts and removes.
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
address=$(cat "$folder/address")
# sqlfluff's templater compiles the project, for which dbt wants a database.
login=${address#postgres://}
login=${login%@*}
place=${address##*@}
place=${place%%/*}
(
  cd dbt
  PGHOST=${place%:*} PGPORT=${place#*:} PGUSER=${login%%:*} PGPASSWORD=${login#*:} PGDATABASE=postgres \
    ../.tools/dbt/bin/sqlfluff lint --nocolor models tests
)
.tools/dbt/bin/python dbt/check/scenarios.py "$address" "$@"
