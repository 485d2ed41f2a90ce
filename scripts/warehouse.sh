#!/usr/bin/env bash
# warehouse.sh [DBT ARGUMENTS...]: runs dbt (`build` without arguments) on the database of CHURN__POSTGRES__URL, or on
# the one that libpq's own variables (PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE) name.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

url=${CHURN__POSTGRES__URL:-}
[ -n "$url" ] || [ -n "${PGHOST:-}" ] ||
  die "no database is named: set CHURN__POSTGRES__URL=postgres://user:password@host:port/database, or PGHOST and its kin"
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
