#!/usr/bin/env bash
# One S3 server (versitygw over a folder) for tests; see common.sh for the verbs.
# FOLDER/address is its endpoint URL. It checks signatures: access key churn, secret churn-secret. Needs .tools/s3/versitygw.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"

start() {
  [ -f "$dir/address" ] || echo "http://127.0.0.1:$(free_port)" >"$dir/address"
  port=$(sed 's/.*://' "$dir/address")
  mkdir -p "$dir/data" "$dir/sidecar"
  # The names of its own variables; those of AWS would be taken by every client on the machine.
  # Attributes lie beside the objects, because not every file system of a test machine has extended ones.
  ROOT_ACCESS_KEY=churn ROOT_SECRET_KEY=churn-secret \
    setsid "$tools/s3/versitygw" --port "127.0.0.1:$port" --region us-east-1 --quiet \
    posix --sidecar "$dir/sidecar" "$dir/data" \
    >>"$dir/server.log" 2>&1 </dev/null 9>&- &
  echo $! >"$dir/pid"
  wait_until_ready "$dir/server.log" 60 running serving
}

serving() {
  listening "$port"
}

run_verb "${1:-}"
