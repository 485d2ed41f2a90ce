#!/usr/bin/env bash
# One Apicurio schema registry, which speaks Confluent's API, in memory; see common.sh for the verbs.
# FOLDER/address is the base URL of that API. Needs .tools/apicurio. Schemas do not survive a restart.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"

api=/apis/ccompat/v7

start() {
  local management
  port=$(free_port)
  management=$(free_port)
  echo "http://127.0.0.1:$port$api" >"$dir/address"
  cd "$dir"
  setsid java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx384m "-Dchurnstream.folder=$dir" \
    -Dquarkus.http.host=127.0.0.1 "-Dquarkus.http.port=$port" \
    -Dquarkus.management.host=127.0.0.1 "-Dquarkus.management.port=$management" \
    -jar "$(echo "$tools"/apicurio/*-runner.jar)" \
    >>"$dir/server.log" 2>&1 </dev/null 9>&- &
  echo $! >"$dir/pid"
  wait_until_ready "$dir/server.log" 180 running serving
}

# Answers 200; by bash alone, for a minimal machine has no curl.
serving() {
  local status
  status=$(
    exec 3<>"/dev/tcp/127.0.0.1/$port" || exit
    printf 'GET %s/subjects HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$api" >&3
    head -n 1 <&3
  ) 2>/dev/null
  [[ $status == *" 200 "* ]]
}

run_verb "${1:-}"
