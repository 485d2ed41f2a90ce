#!/usr/bin/env bash
# What can be checked without running anything: format, lints, no machine's paths or secrets, and documents that name what exists.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Paths of somebody's own folder, private keys and cloud keys. Bracketed so that this line does not match.
forbidden='/(home|Users)/[a-z][a-z0-9_-]*/[^[:space:]]|[B]EGIN [A-Z ]*PRIVATE KEY|[A]KIA[0-9A-Z]{16}'

no_forbidden_text() {
  git rev-parse --is-inside-work-tree >/dev/null 2>&1 || {
    echo "not a git checkout: skipped"
    return 0
  }
  local found
  # git grep: 0 found something, 1 found nothing, more is its own failure.
  found=$(git grep --untracked -InE "$forbidden" -- ':!Cargo.lock') || (($? == 1)) || return 1
  # Homebrew's folder on Linux is the same on every machine.
  found=$(grep -vF '/home/linuxbrew/' <<<"$found") || true
  [ -z "$found" ] || {
    echo "$found" >&2
    echo "the lines above hold a machine's path or a secret" >&2
    return 1
  }
}

documents() {
  git rev-parse --is-inside-work-tree >/dev/null 2>&1 || {
    echo "not a git checkout: skipped"
    return 0
  }
  have python3 || die "python3 is missing; the check of the documents needs it"
  scripts/check-docs.py
}

ensure_rust
ensure_openssl
if ! cargo fmt --version >/dev/null || ! cargo clippy --version >/dev/null; then
  die "rustfmt or clippy is missing; please run: rustup component add rustfmt clippy"
fi

step "no machine's paths or secrets" no_forbidden_text
step "documents" documents
step "format" cargo fmt --all --check
step "lints" cargo clippy --workspace --all-targets -- -D warnings
