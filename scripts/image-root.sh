#!/usr/bin/env bash
# image-root.sh PROGRAM FOLDER: lays out the root of an image FROM scratch that PROGRAM runs in: itself, the shared libraries that
# the loader names for it, the certificate authorities, an unprivileged user, and a folder of that user's for the registry.
set -euo pipefail

(($# == 2)) || {
  echo "usage: image-root.sh PROGRAM FOLDER" >&2
  exit 64
}
program=$1 folder=$2
authorities=/etc/ssl/certs/ca-certificates.crt
user=65532

[ -s "$authorities" ] || {
  echo "$authorities is missing; please install the package ca-certificates" >&2
  exit 1
}
rm -rf "$folder"
install -D -m 0755 "$program" "$folder/usr/bin/churn"
install -D -m 0644 "$authorities" "$folder$authorities"

# `ldd` prints "name => /path (address)", or "/path (address)" for the loader; linux-vdso has no path. A library that is not found
# has none either, and is said here rather than at the first start.
libraries=$(ldd "$program")
if grep 'not found' <<<"$libraries" >&2; then exit 1; fi
grep -oE '/[^ ]+' <<<"$libraries" | while read -r library; do
  install -D -m 0755 "$library" "$folder$library"
done

# Names for the numbers, without a shell or a password.
printf 'churn:x:%s:%s::/var/lib/churn:/sbin/nologin\n' "$user" "$user" >"$folder/etc/passwd"
printf 'churn:x:%s:\n' "$user" >"$folder/etc/group"
install -d -m 1777 "$folder/tmp"
install -d -m 0750 "$folder/var/lib/churn" "$folder/var/lib/churn/registry"
if [ "$(id -u)" = 0 ]; then chown -R "$user:$user" "$folder/var/lib/churn"; fi
