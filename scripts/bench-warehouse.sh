#!/usr/bin/env bash
# bench-warehouse.sh: a million scores built in full, then 100,000 more as an increment, on a Postgres of its own. Prints the models'
# execution time of both (run_results.json) and their ratio.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/ensure-dbt.sh
server=crates/testkit/servers/postgres.sh
folder=.tools/run/own/postgres-bench
mkdir -p "$folder"
trap '$server remove $folder' EXIT
$server start "$folder"
CHURN__POSTGRES__URL=$(cat "$folder/address")/postgres
export CHURN__POSTGRES__URL
psql -q "$CHURN__POSTGRES__URL" -c 'create schema churn'
for migration in crates/store/migrations/*.sql; do psql -q -v ON_ERROR_STOP=1 "$CHURN__POSTGRES__URL" -f "$migration"; done

# increment FIRST ROWS: fills and builds; prints the models' seconds.
increment() {
  psql -q -v ON_ERROR_STOP=1 -v "first=$1" -v "rows=$2" "$CHURN__POSTGRES__URL" -f dbt/check/fill.sql
  scripts/warehouse.sh run --quiet >&2
  python3 -c 'import json; print(sum(r["execution_time"] for r in json.load(open("dbt/target/run_results.json"))["results"] if r["unique_id"].startswith("model.")))'
}

full=$(increment 0 1000000)
echo "full build of 1,000,000 scores: $full s"
more=$(increment 1000000 100000)
echo "increment of 100,000 scores: $more s"
python3 -c "print(f'ratio: {$more / $full:.3f} (at most 0.2 wanted)')"
