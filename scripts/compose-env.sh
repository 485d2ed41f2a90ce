#!/usr/bin/env bash
# compose-env.sh [FILE]: writes compose/.env, or FILE, from the sample with a random value for every empty one; a file that is there
# already is left alone.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

target=${1:-compose/.env}
[ ! -e "$target" ] || die "$target is there already; delete it to have new secrets (volumes keep the old ones)"
umask 077
while IFS= read -r line; do
  case $line in
    [A-Z]*=) printf '%s%s\n' "$line" "$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')" ;;
    *) printf '%s\n' "$line" ;;
  esac
done <compose/.env.sample >"$target.part"
mv "$target.part" "$target"
echo "wrote $target"
