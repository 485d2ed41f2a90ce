#!/usr/bin/env bash
# check-upgrade.sh [COMMIT]: upgrades a running platform from an older version to this one under load, back again, and forth once more,
# part by part as Kubernetes does it, and proves that nothing was lost or doubled. The older version is COMMIT; without one the newest
# tag, or, where there is none, the commit before the last change of the tables or of the records.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

target=${CARGO_TARGET_DIR:-$root/target}
old=${1:-}
[ -n "$old" ] || old=$(git describe --tags --abbrev=0 2>/dev/null) || {
  changed=$(git log -1 --format=%H -- crates/store/migrations 'schemas/*.avsc')
  [ -n "$changed" ] || die "no older version is known here: name a commit"
  old=$changed~1
}
old=$(git rev-parse --verify --quiet "$old^{commit}") || die "there is no commit ${1:-$old} here"
store=$root/.tools/upgrade
previous=$store/churn-$old

# With this version's dependencies, which are compiled already; the program is moved aside, because both have one name.
build_previous() {
  [ ! -x "$previous" ] || return 0
  mkdir -p "$store"
  rm -rf "$store/source"
  git worktree prune
  git worktree add --quiet --detach "$store/source" "$old"
  # Not in a condition: the worktree has to go whatever becomes of the build.
  local status=0
  (cd "$store/source" && CARGO_TARGET_DIR=$target cargo build -q -p churn) || status=$?
  git worktree remove --force "$store/source"
  # Cargo knows the two trees' packages by the same names, and goes by the age of their files: to it the older version's, just compiled,
  # would be this version's.
  git ls-files -z Cargo.toml crates services schemas | xargs -0 touch
  ((status == 0)) || die "the older version does not compile"
  cp "$target/debug/churn" "$previous.part"
  mv "$previous.part" "$previous"
}

upgrade() {
  local older=()
  git show "$old:schemas/customer-score.avsc" | grep -q '"reasons"' || older=(--reasonless)
  "$target/debug/churn-chaos" --program "$previous" --faults 0 --rate 1000 "${older[@]}" \
    --roll "$target/debug/churn" --roll "$previous" --roll "$target/debug/churn"
}

ensure_rust
ensure_openssl
echo "from $(git log -1 --format='%h %s' "$old")"
stage "the older version" build_previous
stage "this version" build_programs
stage "test servers" use_test_servers
stage "upgrade, back, and forth" upgrade
echo "==> all passed in $SECONDS s"
