#!/usr/bin/env bash
# check-bi.sh: imports the dashboards of bi/superset into a Superset of its own, opens each in headless Chromium, wants data in every
# chart, and keeps a picture of each in docs/images. Shows a made-up stream in a Postgres of its own, or the warehouse in the database
# of CHURN__POSTGRES__URL where that is set (`make warehouse` builds it; the login must be able to make a role).
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/find-postgres.sh >/dev/null || apt_install postgresql
scripts/ensure-dbt.sh
scripts/ensure-superset.sh
bin=$root/.tools/superset/bin
home=$root/.tools/run/own/superset
server=crates/testkit/servers/postgres.sh
folder=.tools/run/own/postgres-bi
superset=

end() {
  [ -z "$superset" ] || kill "$superset" 2>/dev/null || true
  [ ! -d "$folder" ] || $server remove "$folder"
  rm -rf "$home"
}
trap end EXIT

# Superset's own database, made once: its two hundred migrations take minutes.
export SUPERSET_HOME=$home SUPERSET_CONFIG_PATH=$home/superset_config.py FLASK_APP=superset PYTHONWARNINGS=ignore
SUPERSET_CHECK_KEY=$(python3 -c "import secrets; print(secrets.token_hex(32))")
export SUPERSET_CHECK_KEY
rm -rf "$home"
mkdir -p "$home"
sed "s|@HOME@|$home|" bi/superset/check/superset_config.py >"$SUPERSET_CONFIG_PATH"
made=.tools/superset/made.db
make_home() {
  "$bin/superset" db upgrade
  "$bin/superset" fab create-admin --username admin --firstname Check --lastname Check --email check@example.org --password check
  "$bin/superset" init
}
if [ ! -f "$made" ]; then
  echo "making Superset's own database (some minutes, once)" >&2
  make_home >"$home/init.log" 2>&1 || { tail -n 30 "$home/init.log" >&2; die "Superset cannot make its database"; }
  cp "$home/superset.db" "$made.part"
  mv "$made.part" "$made"
else
  cp "$made" "$home/superset.db"
fi

if [ -z "${CHURN__POSTGRES__URL:-}" ]; then
  mkdir -p "$folder"
  $server start "$folder"
  .tools/dbt/bin/python bi/superset/check/example.py "$(cat "$folder/address")"
  CHURN__POSTGRES__URL=$(cat "$folder/address")/churn
fi
"$bin/python" bi/superset/check/bundle.py "$CHURN__POSTGRES__URL" "$home/bundle.zip"
"$bin/superset" import-dashboards --path "$home/bundle.zip" --username admin >"$home/import.log" 2>&1 ||
  { tail -n 30 "$home/import.log" >&2; die "Superset cannot import bi/superset/bundle"; }

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$bin/gunicorn" --bind "127.0.0.1:$port" --workers 1 --worker-class gthread --threads 8 --timeout 120 --log-level warning \
  "superset.app:create_app()" >"$home/server.log" 2>&1 &
superset=$!
"$bin/python" bi/superset/check/look.py "http://127.0.0.1:$port" docs/images "$home/server.log" "$@"
