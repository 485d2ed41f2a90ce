# What the server scripts share; sourced, not run. Each of them is called as
#   <kind>.sh start|kill9|remove FOLDER
# start   starts the server in FOLDER (on its old data, if there is some) and returns when it serves;
#         writes FOLDER/address; does nothing where it already runs
# kill9   ends it at once and keeps its data
# remove  ends it and deletes FOLDER
# All servers listen on 127.0.0.1 only.
# shellcheck shell=bash

set -euo pipefail

servers=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$servers/../../.." && pwd)
tools=$root/.tools
export servers tools

die() {
  echo "$*" >&2
  exit 1
}

# Prints a port that nobody listens on, from below the range that Linux gives to outgoing connections,
# so that it is still free when a killed server wants it back. The folder marks it as taken for
# servers that start at the same moment.
free_port() {
  local port
  mkdir -p "$tools/run/ports"
  while true; do
    port=$((20000 + RANDOM % 12000))
    if ! listening "$port" && mkdir "$tools/run/ports/$port" 2>/dev/null; then
      echo "$port"
      return
    fi
  done
}

listening() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Whether process $1 runs and is the server of folder $2: a process id alone may have been given to
# another program since. A process has no command line for the instant in which it becomes another program
# (exec), so an empty one is read again; one that has ended has none for ever.
is_server_of() {
  local line _
  for _ in {1..100}; do
    [ -r "/proc/$1/cmdline" ] || return 1
    line=$(tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline") || return 1
    if [ -n "$line" ]; then
      [[ $line == *"$2"* ]]
      return
    fi
    if grep -q '^State:[[:space:]]*[ZX]' "/proc/$1/status" 2>/dev/null; then return 1; fi
    sleep 0.01
  done
  return 1
}

# wait_until_ready LOG SECONDS ALIVE_COMMAND READY_COMMAND: on failure the end of the log says why.
wait_until_ready() {
  local log=$1 deadline=$((SECONDS + $2)) alive=$3 ready=$4
  until $ready; do
    if ! $alive; then
      tail -n 20 "$log" >&2
      die "the server ended while it started; the end of $log is above"
    fi
    if ((SECONDS > deadline)); then
      tail -n 20 "$log" >&2
      die "the server was not ready within $2 s; the end of $log is above"
    fi
    sleep 0.1
  done
}

# run_verb VERB: every script's last line; `start`, `kill9` and `running` are the script's own.
run_verb() {
  case ${1:-} in
  start) running || start ;;
  kill9) kill9 ;;
  remove)
    if running; then kill9; fi
    remove_data
    ;;
  *) die "usage: $(basename "$0") start|kill9|remove FOLDER" ;;
  esac
}

remove_data() {
  rm -rf "$dir"
}

# For a server that is one process, whose id is in FOLDER/pid.
running() {
  [ -f "$dir/pid" ] && is_server_of "$(cat "$dir/pid")" "$dir"
}

kill9() {
  running || die "no server runs in $dir"
  kill -KILL "$(cat "$dir/pid")"
  while running; do sleep 0.02; done
}

dir=${2:?usage: $(basename "$0") start|kill9|remove FOLDER}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
