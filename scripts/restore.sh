#!/usr/bin/env bash
# restore.sh FOLDER --yes: puts the database of CHURN__POSTGRES__URL back to what backup.sh wrote, and the model registry where its folder
# (CHURN__REGISTRY__PATH) holds nothing. Stop sinks, monitor and trainer first. What the database holds now is gone afterwards; the sinks then
# read the topics again from the backup's own positions on.
set -euo pipefail

[ "${2:-}" = --yes ] || {
  echo "usage: restore.sh FOLDER --yes (what the database holds now is gone afterwards)" >&2
  exit 64
}
folder=$1 url=${CHURN__POSTGRES__URL:?names the database: postgres://user:password@host:port/database} registry=${CHURN__REGISTRY__PATH:-}
[ -s "$folder/made-at" ] || {
  echo "$folder holds no whole backup" >&2
  exit 1
}
ask() {
  psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 "$url" "$@"
}
others=$(ask -c "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'")
[ "$others" = 0 ] || {
  echo "$others others are connected to the database: stop sinks, monitor, trainer and dashboards first" >&2
  exit 1
}
# Whole schemas: tables and partitions that are younger than the backup go as well.
schemas=$(pg_restore --list "$folder/postgres.dump" | sed -nE 's/^[0-9]+; [0-9]+ [0-9]+ SCHEMA - ([^ ]+) .*/\1/p')
{
  echo "begin;"
  for schema in $schemas; do
    [ "$schema" = public ] || echo "drop schema if exists \"$schema\" cascade;"
  done
  pg_restore --no-owner --file=- "$folder/postgres.dump"
  echo "commit;"
} | ask --output=/dev/null
if [ -n "$registry" ] && [ -d "$folder/registry" ]; then
  if [ -z "$(ls -A "$registry" 2>/dev/null)" ]; then
    mkdir -p "$registry"
    # The champion's pointer goes last: a part that runs and reads it finds the version that it names.
    tar -C "$folder/registry" -cf - --exclude=champion.json . | tar -C "$registry" -xpf -
    find "$folder/registry" -name champion.json -type f -printf '%P\0' | tar -C "$folder/registry" --null -T - -cf - | tar -C "$registry" -xpf -
  else
    echo "$registry holds something and stays as it is: its versions never change, so only an empty one is filled from the backup"
  fi
fi
echo "restored what was backed up at $(cat "$folder/made-at"); now run churn setup, then start the parts"
