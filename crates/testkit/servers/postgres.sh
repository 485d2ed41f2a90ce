#!/usr/bin/env bash
# One Postgres server for tests; see common.sh for the verbs.
# FOLDER/address is postgres://user:password@host:port of a superuser, without a database.
# Where FOLDER/certificate exists, it holds `server` or `expired`: the server then takes TLS connections only, with that
# certificate, and FOLDER/tls/ca.pem is the authority to trust.
# It does not wait for the disk (fsync=off): kill -9 loses nothing, but it is no measure of speed.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"

# Postgres refuses to run as root: there it runs as another user.
if [ "$(id -u)" = 0 ]; then
  if id postgres >/dev/null 2>&1; then user=postgres; else user=nobody; fi
  as_user() { (cd / && setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups "$@"); }
else
  as_user() { "$@"; }
fi

start() {
  local bin log
  bin=$("$root/scripts/find-postgres.sh")
  [ -s "$dir/address" ] || create
  log=$data/server.log
  # pg_ctl waits until connections are accepted.
  as_user "$bin/pg_ctl" -D "$data" -l "$log" -w -t 60 start >/dev/null 2>&1 </dev/null 9>&- || {
    tail -n 20 "$log" >&2
    die "postgres did not start in $dir; the end of its log is above"
  }
}

create() {
  local port
  port=$(free_port)
  # Another user may not be able to enter the project's folder, so as root the data live outside.
  if [ "$(id -u)" = 0 ]; then
    data=$(mktemp -d "${TMPDIR:-/tmp}/churnstream-test-postgres.XXXXXX")
    chown "$user" "$data"
  else
    data=$dir/data
    mkdir -m 700 "$data"
  fi
  echo "$data" >"$dir/data-folder"
  printf 'churn' | as_user tee "$data.password" >/dev/null
  as_user "$bin/initdb" -D "$data" -U churn --pwfile="$data.password" -A scram-sha-256 -E UTF8 \
    --locale=C --no-sync >"$dir/initdb.log" 2>&1 || {
    cat "$dir/initdb.log" >&2
    die "cannot make a postgres data folder in $data"
  }
  rm -f "$data.password"
  as_user tee -a "$data/postgresql.conf" >/dev/null <<CONF
port = $port
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
# Many tests at once, each with a pool of its own.
max_connections = 300
CONF
  [ ! -f "$dir/certificate" ] || secure
  echo "postgres://churn:churn@127.0.0.1:$port" >"$dir/address"
}

secure() {
  "$servers/certificates.sh" "$dir/tls"
  # Readable by its owner alone, as Postgres wants it.
  as_user tee "$data/server.key" <"$dir/tls/server.key" >/dev/null
  as_user chmod 600 "$data/server.key"
  as_user tee "$data/server.crt" <"$dir/tls/$(cat "$dir/certificate").pem" >/dev/null
  printf 'ssl = on\n' | as_user tee -a "$data/postgresql.conf" >/dev/null
  printf 'hostssl all all 127.0.0.1/32 scram-sha-256\n' | as_user tee "$data/pg_hba.conf" >/dev/null
}

# The main process's id is the first line of a file that Postgres keeps itself.
running() {
  [ -f "$data/postmaster.pid" ] && is_server_of "$(head -n 1 "$data/postmaster.pid")" "$data"
}

# The whole server at once, as when its machine loses power. Its children would end by themselves, but
# only later, and until then a new server refuses to start.
kill9() {
  running || die "no postgres runs in $dir"
  local main family pid
  main=$(head -n 1 "$data/postmaster.pid")
  family="$main $(cat "/proc/$main/task/$main/children" 2>/dev/null || true)"
  # shellcheck disable=SC2086 # several process ids; some may have ended by now
  kill -KILL $family 2>/dev/null || true
  for pid in $family; do
    while is_server_of "$pid" postgres; do sleep 0.02; done
  done
  # Where nobody collects dead processes, the id in this file would still look alive to a new server.
  rm -f "$data/postmaster.pid"
}

remove_data() {
  [ -z "$data" ] || rm -rf "$data"
  rm -rf "$dir"
}

data=
if [ -f "$dir/data-folder" ]; then data=$(cat "$dir/data-folder"); fi
run_verb "${1:-}"
