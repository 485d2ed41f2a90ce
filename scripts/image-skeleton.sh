#!/usr/bin/env bash
# image-skeleton.sh FOLDER: copies the manifests of the workspace to FOLDER, with empty sources, so that building there compiles the
# dependencies and nothing that changes every day.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

(($# == 1)) || {
  echo "usage: image-skeleton.sh FOLDER" >&2
  exit 64
}
folder=$1
rm -rf "$folder"
install -D -m 0644 Cargo.toml "$folder/Cargo.toml"
install -D -m 0644 Cargo.lock "$folder/Cargo.lock"
install -D -m 0644 .cargo/config.toml "$folder/.cargo/config.toml"
for manifest in crates/*/Cargo.toml services/*/Cargo.toml; do
  install -D -m 0644 "$manifest" "$folder/$manifest"
  # Every target that a manifest names by its path has to be there, or cargo refuses the manifest.
  sed -nE 's/^path = "([^"]*\.rs)".*/\1/p' "$manifest" | while read -r target; do
    mkdir -p "$folder/$(dirname "$manifest")/$(dirname "$target")"
    echo 'fn main() {}' >"$folder/$(dirname "$manifest")/$target"
  done
  crate=$(dirname "$manifest")
  mkdir -p "$folder/$crate/src"
  if [ -f "$crate/src/main.rs" ]; then echo 'fn main() {}' >"$folder/$crate/src/main.rs"; fi
  if [ -f "$crate/src/lib.rs" ]; then : >"$folder/$crate/src/lib.rs"; fi
done
# Benches and binaries that a manifest names without a path.
for source in crates/*/benches services/*/benches crates/*/src/bin services/*/src/bin crates/*/examples; do
  [ -d "$source" ] || continue
  find "$source" -name '*.rs' | while read -r file; do
    mkdir -p "$folder/$(dirname "$file")"
    echo 'fn main() {}' >"$folder/$file"
  done
done
