#!/usr/bin/env bash
# warehouse.sh [DBT ARGUMENTS...]: runs dbt (`build` without arguments) on the database of CHURN__POSTGRES__URL, on
# the one that libpq's own variables (PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE) name, or on that of a demo that runs.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# demo_url: the address of the one demo's Postgres that runs here. Its folder has the password, and its lock file the port.
demo_url() {
  local folder process port found=()
  for folder in "${TMPDIR:-/tmp}"/churnstream-postgres-*/; do
    # A demo that was killed leaves its folder; its process is gone.
    [ -r "$folder/data/postmaster.pid" ] && [ -r "$folder/password" ] || continue
    { read -r process && read -r && read -r && read -r port; } <"$folder/data/postmaster.pid" || continue
    kill -0 "$process" 2>/dev/null || continue
    found+=("postgres://churn:$(cat "$folder/password")@127.0.0.1:$port/postgres")
  done
  ((${#found[@]} < 2)) || die "${#found[@]} demos run here: set CHURN__POSTGRES__URL to the address that one of them printed at its start, with its password"
  echo "${found[*]}"
}

url=${CHURN__POSTGRES__URL:-}
if [ -z "$url" ] && [ -z "${PGHOST:-}" ]; then
  url=$(demo_url)
  [ -n "$url" ] ||
    die "no database is named, and no demo runs: set CHURN__POSTGRES__URL=postgres://user:password@host:port/database, or PGHOST and its kin"
  echo "building in the database of the demo that runs" >&2
fi
scripts/ensure-dbt.sh
if [ -n "$url" ]; then
  settings=$(URL=$url python3 - <<'PY'
import os, shlex
from urllib.parse import parse_qs, unquote, urlsplit

url = os.environ["URL"]
if url.startswith("file:"):
    url = open(url[5:]).read().strip()
parts = urlsplit(url)
values = {"PGHOST": parts.hostname, "PGPORT": parts.port or 5432, "PGUSER": parts.username, "PGPASSWORD": parts.password,
          "PGDATABASE": parts.path.lstrip("/"), "PGSSLMODE": parse_qs(parts.query).get("sslmode", [None])[0]}
for name, value in values.items():
    if value is not None:
        print(f"export {name}={shlex.quote(unquote(str(value)))}")
PY
  ) || die "CHURN__POSTGRES__URL cannot be read"
  eval "$settings"
fi
export PATH=$root/.tools/dbt/bin:$PATH
if (($# == 0)); then set -- build; fi
cd dbt
# Two runs at once would take up the same rows.
mkdir -p target
exec 9>target/lock
flock -n 9 || die "another run of the warehouse is under way in this folder"
exec dbt "$@" --profiles-dir .
