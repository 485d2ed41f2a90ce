#!/usr/bin/env bash
# Stands in for the entry point of Postgres's image: makes the database that the variables name at the first start, then serves it.
set -euo pipefail

: "${POSTGRES_PASSWORD:?}" "${PGDATA:?}"
user=${POSTGRES_USER:-postgres} database=${POSTGRES_DB:-${POSTGRES_USER:-postgres}}
as_postgres() {
  (cd / && setpriv --reuid postgres --regid postgres --clear-groups "$@")
}

mkdir -p "$PGDATA"
chown -R postgres "$PGDATA"
chmod 700 "$PGDATA"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  printf %s "$POSTGRES_PASSWORD" | as_postgres tee /tmp/password >/dev/null
  as_postgres initdb -D "$PGDATA" -U "$user" --pwfile=/tmp/password -A scram-sha-256 -E UTF8 --locale=C.UTF-8 >/dev/null
  rm /tmp/password
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  # As the image: only by a socket until the database is there.
  as_postgres pg_ctl -D "$PGDATA" -w -o "-c listen_addresses='' -c unix_socket_directories=/tmp" start >/dev/null
  PGPASSWORD=$POSTGRES_PASSWORD createdb -h /tmp -U "$user" -w "$database"
  as_postgres pg_ctl -D "$PGDATA" -w stop >/dev/null
fi
cd /
exec setpriv --reuid postgres --regid postgres --clear-groups "$@" -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories=/tmp
