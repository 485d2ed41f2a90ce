#!/usr/bin/env bash
# The servers that all test binaries share: test-servers.sh up|down|env
# up    starts Kafka, the schema registry, Postgres and S3 side by side, those that do not run yet, and
#       writes .tools/run/servers.json, which crates/testkit reads; may be repeated
# down  ends them and every private server that a killed test left, and deletes their data
# env   prints .tools/run/servers.json
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

run=$root/.tools/run
servers=$root/crates/testkit/servers
kinds=(kafka registry postgres s3)

up() {
  scripts/ensure-test-tools.sh
  local kind failed=()
  declare -A pids
  for kind in "${kinds[@]}"; do
    up_one "$kind" &
    pids[$kind]=$!
  done
  for kind in "${kinds[@]}"; do
    wait "${pids[$kind]}" || failed+=("$kind")
  done
  ((${#failed[@]} == 0)) || die "the test server of ${failed[*]} did not start: see above"
  describe >"$run/servers.json.part"
  mv "$run/servers.json.part" "$run/servers.json"
  describe
}

# Another program may have taken the port of a server that was found free a moment ago: one more try.
up_one() {
  start "$1" 2>"$run/$1.err" && return
  cat "$run/$1.err" >&2
  echo "starting $1 once more, from nothing" >&2
  "$servers/$1.sh" remove "$run/$1"
  start "$1"
}

start() {
  # This broker is never killed, so nobody waits for the end of its session, and shutting out the only broker of all tests because
  # the machine stood still would fail whichever test is running.
  if [ "$1" = kafka ]; then
    mkdir -p "$run/kafka"
    echo "broker.session.timeout.ms=60000" >"$run/kafka/more.properties"
  fi
  "$servers/$1.sh" start "$run/$1"
}

describe() {
  printf '{"kafka": {"bootstrap": "%s"}, "schema_registry": {"url": "%s"}, "postgres": {"url": "%s"}, "s3": {"endpoint": "%s"}}\n' \
    "$(cat "$run/kafka/address")" "$(cat "$run/registry/address")" "$(cat "$run/postgres/address")" "$(cat "$run/s3/address")"
}

down() {
  local folder kind
  rm -f "$run/servers.json"
  for kind in "${kinds[@]}"; do
    [ ! -d "$run/$kind" ] || "$servers/$kind.sh" remove "$run/$kind"
  done
  for folder in "$run"/own/*; do
    [ -d "$folder" ] || continue
    kind=$(basename "$folder" | sed 's/-.*//')
    "$servers/$kind.sh" remove "$folder"
  done
  rm -rf "$run/ports" "$run/own" "$run"/*.err
}

mkdir -p "$run"
case ${1:-} in
up | down)
  # Two runs at once would start two of each. The servers themselves do not inherit the lock.
  exec 9>"$run/lock"
  flock 9
  "$1"
  ;;
env) cat "$run/servers.json" 2>/dev/null || die "the test servers are not up: run \`make test-servers\`" ;;
*) die "usage: test-servers.sh up|down|env" ;;
esac
