#!/usr/bin/env bash
# One S3 server (versitygw over a folder) for tests; see common.sh for the verbs.
# FOLDER/address is its endpoint URL. Where FOLDER/certificate exists, it holds `server` or `expired`: the server then takes TLS
# connections only, with that certificate, and FOLDER/tls/ca.pem is the authority to trust. It checks signatures: access key churn, secret churn-secret. Needs .tools/s3/versitygw.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"

start() {
  local scheme=http tls=()
  if [ -f "$dir/certificate" ]; then
    scheme=https
    [ -d "$dir/tls" ] || "$servers/certificates.sh" "$dir/tls"
    tls=(--cert "$dir/tls/$(cat "$dir/certificate").pem" --key "$dir/tls/server.key")
  fi
  [ -f "$dir/address" ] || echo "$scheme://127.0.0.1:$(free_port)" >"$dir/address"
  port=$(sed 's/.*://' "$dir/address")
  mkdir -p "$dir/data"
  local beside=()
  if ! keeps_attributes; then
    mkdir -p "$dir/sidecar"
    beside=(--sidecar "$dir/sidecar")
  fi
  # The names of its own variables; those of AWS would be taken by every client on the machine.
  ROOT_ACCESS_KEY=churn ROOT_SECRET_KEY=churn-secret \
    setsid "$tools/s3/versitygw" --port "127.0.0.1:$port" --region us-east-1 --quiet "${tls[@]}" \
    posix "${beside[@]}" "$dir/data" \
    >>"$dir/server.log" 2>&1 </dev/null 9>&- &
  echo $! >"$dir/pid"
  wait_until_ready "$dir/server.log" 60 running serving
}

# Whether files have extended attributes here. Only then are an object and its ETag replaced in one step, as S3 promises: with
# attributes in files of their own, a reader may see the old object with the new ETag, and put over what it has never seen.
keeps_attributes() {
  python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user.probe", b"1")' "$dir/data" 2>>"$dir/server.log"
}

serving() {
  listening "$port"
}

run_verb "${1:-}"
