#!/usr/bin/env bash
# Checks what `make demo` needs, installs Postgres where it may, and otherwise says the one command
# that does.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ensure_rust
if ! have_openssl; then
  # A subshell, because the demo does without it.
  (apt_install libssl-dev pkg-config) ||
    echo "building without TLS to Kafka, which the demo does not need; for TLS: sudo apt-get install libssl-dev pkg-config" >&2
fi

# With a server of the user's own, the demo starts none.
if [ -n "${CHURN__POSTGRES__URL:-}" ] || scripts/find-postgres.sh >/dev/null; then
  exit 0
fi
if have apt-get; then
  apt_install postgresql
elif have dnf; then
  die "Postgres 14 or later is missing; please run: sudo dnf install -y postgresql-server"
elif have brew; then
  die "Postgres 14 or later is missing; please run: brew install postgresql@17"
else
  die "Postgres 14 or later is missing; please install its server programs (initdb, pg_ctl, postgres) and put them on PATH"
fi
scripts/find-postgres.sh >/dev/null || die "the installed Postgres is older than 14, or not where this project looks: put its folder on PATH"
