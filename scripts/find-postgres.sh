#!/usr/bin/env bash
# Prints the folder of the newest Postgres server programs (14 or later) on this machine, or fails
# without a word. Looks on PATH and where Debian, Fedora and Homebrew put them.
set -euo pipefail
shopt -s nullglob

best='' best_version=13
on_path=$(command -v postgres || true)
for postgres in \
  ${on_path:+"$on_path"} \
  /usr/lib/postgresql/*/bin/postgres \
  /usr/pgsql-*/bin/postgres \
  /usr/bin/postgres \
  "${HOMEBREW_PREFIX:-/opt/homebrew}"/opt/postgresql*/bin/postgres \
  /usr/local/opt/postgresql*/bin/postgres \
  /home/linuxbrew/.linuxbrew/opt/postgresql*/bin/postgres; do
  bin=$(dirname "$postgres")
  [ -x "$postgres" ] && [ -x "$bin/initdb" ] && [ -x "$bin/pg_ctl" ] || continue
  version=$("$postgres" --version | sed -E 's/[^0-9]*([0-9]+).*/\1/')
  if [ "$version" -gt "$best_version" ]; then
    best=$bin best_version=$version
  fi
done
[ -n "$best" ] && echo "$best"
