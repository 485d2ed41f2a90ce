#!/usr/bin/env bash
# Writes random secrets for the local overlay into secrets/, which git ignores; those that are there already are left alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

[ ! -e secrets ] || {
  echo "secrets/ is there already" >&2
  exit 1
}
random() { head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
umask 077
mkdir secrets
password=$(random)
echo "token=$(random)" >secrets/http.env
echo "password=$password" >secrets/postgres.env
printf '%s\n' host=postgres port=5432 database=churn user=churn "password=$password" >secrets/warehouse.env
echo "url=postgres://churn:$password@postgres:5432/churn" >secrets/url.env
