#!/usr/bin/env bash
# One MLflow tracking server for tests, on SQLite and a folder; see common.sh for the verbs.
# FOLDER/address is its base URL. Needs .tools/mlflow, a Python environment. Takes some twenty seconds to start, so no test run
# starts it for all: the tests that need it start one of their own.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"

start() {
  [ -f "$dir/address" ] || echo "http://127.0.0.1:$(free_port)" >"$dir/address"
  port=$(sed 's/.*://' "$dir/address")
  mkdir -p "$dir/artifacts"
  cd "$dir"
  # Its job runner would start Python processes that nobody here needs.
  MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true GIT_PYTHON_REFRESH=quiet \
    setsid "$tools/mlflow/bin/python" -m mlflow server --host 127.0.0.1 --port "$port" --workers 1 \
    --backend-store-uri "sqlite:///$dir/mlflow.db" --serve-artifacts --artifacts-destination "$dir/artifacts" \
    >>"$dir/server.log" 2>&1 </dev/null 9>&- &
  echo $! >"$dir/pid"
  wait_until_ready "$dir/server.log" 180 running serving
}

# Answers 200 to its health check.
serving() {
  local status
  status=$(
    exec 3<>"/dev/tcp/127.0.0.1/$port" || exit
    printf 'GET /health HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' >&3
    head -n 1 <&3
  ) 2>/dev/null
  [[ $status == *" 200 "* ]]
}

# The server is a small family of processes, all in the session that setsid made.
kill9() {
  running || die "no mlflow runs in $dir"
  local main
  main=$(cat "$dir/pid")
  kill -KILL -- "-$main"
  while running; do sleep 0.02; done
}

run_verb "${1:-}"
