#!/usr/bin/env bash
# backup.sh FOLDER: what a platform needs to be restored, into a new FOLDER, while it runs: the database of CHURN__POSTGRES__URL, and the
# model registry where it is a folder (CHURN__REGISTRY__PATH); a bucket has its versioning. The topics need none: see docs/operations.md.
set -euo pipefail

(($# == 1)) || {
  echo "usage: backup.sh FOLDER" >&2
  exit 64
}
folder=$1 url=${CHURN__POSTGRES__URL:?names the database: postgres://user:password@host:port/database} registry=${CHURN__REGISTRY__PATH:-}
[ ! -e "$folder" ] || {
  echo "$folder is there already" >&2
  exit 1
}
umask 077
mkdir -p "$folder.part"
# One snapshot: rows and the positions that they stand for are of the same moment.
pg_dump --format=custom --no-owner --file="$folder.part/postgres.dump" --dbname="$url"
# After the database: every version that it names is in the copy. The champion's pointer goes first, so that it names a version that
# the rest of the copy has. Files keep their modes, for the parts' own user to read what is restored; the folder around them is closed.
if [ -n "$registry" ] && [ -d "$registry" ]; then
  mkdir "$folder.part/registry"
  find "$registry" -name champion.json -type f -printf '%P\0' | tar -C "$registry" --null -T - -cf - | tar -C "$folder.part/registry" -xpf -
  tar -C "$registry" -cf - --exclude=champion.json . | tar -C "$folder.part/registry" -xpf -
fi
date -u +%FT%TZ >"$folder.part/made-at"
# Last: a backup that broke off is not taken for a whole one.
mv "$folder.part" "$folder"
echo "$folder: $(du -sh "$folder" | cut -f1)"
