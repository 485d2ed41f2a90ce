#!/usr/bin/env bash
# compose-env.sh [FILE]: writes compose/.env, or FILE, from the sample with a random value for every empty one. What a file that is there
# already says stays as it is; it gets what it lacks, as after an upgrade.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

target=${1:-compose/.env}
sample=compose/.env.sample

random() {
  head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n'
}

# fill: the lines of stdin, with a random value for every empty one.
fill() {
  local line
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in
      [A-Z]*=) printf '%s%s\n' "$line" "$(random)" ;;
      *) printf '%s\n' "$line" ;;
    esac
  done
}

# lacking: the sample's keys that the file has not.
lacking() {
  local line
  while IFS= read -r line; do
    [[ $line =~ ^[A-Z_]+= ]] || continue
    grep -q "^${BASH_REMATCH[0]}" "$target" || printf '%s\n' "$line"
  done <"$sample"
}

umask 077
if [ -e "$target" ]; then
  { cat "$target"; lacking; } | fill >"$target.part"
  cmp -s "$target" "$target.part" && said="$target lacks nothing" || said="$target has what it lacked; passwords that it had are as they were"
else
  fill <"$sample" >"$target.part"
  said="wrote $target"
fi
mv "$target.part" "$target"
echo "$said"
