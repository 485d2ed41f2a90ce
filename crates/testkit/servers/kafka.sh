#!/usr/bin/env bash
# One Apache Kafka broker (KRaft, no ZooKeeper) for tests; see common.sh for the verbs.
# FOLDER/address is its bootstrap address. Needs .tools/kafka/libs. Where FOLDER/more.properties exists, it is added to the settings.
# Where FOLDER/users exists (one `name password` a line), the broker also has the listeners of kafka-secure.properties for
# these users, at FOLDER/tls-address and FOLDER/expired-address, with certificates in FOLDER/tls.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"

# The first compiler alone halves the start-up time; tests do not need the second one's speed.
java=(java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dorg.slf4j.simpleLogger.showDateTime=true)

start() {
  export CLASSPATH="$tools/kafka/libs/*" # java expands the star itself
  [ -f "$dir/server.properties" ] || configure
  [ -f "$dir/data/meta.properties" ] || format
  # The decisions of the authorizer, those in favour as well.
  [ ! -f "$dir/users" ] || java+=(-Dorg.slf4j.simpleLogger.log.kafka.authorizer.logger=debug)
  setsid "${java[@]}" -Xms512m -Xmx512m kafka.Kafka "$dir/server.properties" \
    >>"$dir/server.log" 2>&1 </dev/null 9>&- &
  echo $! >"$dir/pid"
  port=$(sed 's/.*://' "$dir/address")
  wait_until_ready "$dir/server.log" 120 running serving
}

# A KRaft broker opens its port when it has caught up and may serve.
serving() {
  listening "$port"
}

configure() {
  local port controller
  put_data_in_memory
  port=$(free_port)
  controller=$(free_port)
  fill "$servers/kafka.properties" >"$dir/server.properties"
  # A key that is set twice counts the last time.
  [ ! -f "$dir/more.properties" ] || cat "$dir/more.properties" >>"$dir/server.properties"
  [ ! -f "$dir/users" ] || secure
  echo "127.0.0.1:$port" >"$dir/address"
}

fill() {
  sed "s#@PORT@#$port#g; s#@CONTROLLER_PORT@#$controller#g; s#@DIR@#$dir#g" "$1"
}

secure() {
  local tls expired
  tls=$(free_port)
  expired=$(free_port)
  "$servers/certificates.sh" "$dir/tls"
  fill "$servers/kafka-secure.properties" |
    sed "s#@TLS_PORT@#$tls#g; s#@EXPIRED_PORT@#$expired#g" >>"$dir/server.properties"
  echo "127.0.0.1:$tls" >"$dir/tls-address"
  echo "127.0.0.1:$expired" >"$dir/expired-address"
}

# A broker writes its checkpoints through to the disk while requests wait. On a machine that has just compiled, that
# takes seconds, and tests would measure the disk: so the data lie in memory where there is room.
put_data_in_memory() {
  local free
  free=$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')
  if [ -w /dev/shm ] && [ "${free:-0}" -gt 2000000 ]; then
    ln -s "$(mktemp -d /dev/shm/churnstream-test-kafka.XXXXXX)" "$dir/data"
  fi
}

remove_data() {
  if [ -L "$dir/data" ]; then rm -rf "$(readlink "$dir/data")"; fi
  rm -rf "$dir"
}

format() {
  local id name password scram=()
  if [ -f "$dir/users" ]; then
    while read -r name password; do
      scram+=(--add-scram "SCRAM-SHA-256=[name=$name,password=$password]")
    done <"$dir/users"
  fi
  # Kafka's ids are 16 bytes in URL-safe base64; a leading dash would look like an option.
  id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=' | sed 's/^-/A/')
  "${java[@]}" kafka.tools.StorageTool format -t "$id" -c "$dir/server.properties" "${scram[@]}" \
    >"$dir/format.log" 2>&1 || {
    cat "$dir/format.log" >&2
    die "cannot format $dir/data for kafka"
  }
}

run_verb "${1:-}"
