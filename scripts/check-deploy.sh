#!/usr/bin/env bash
# check-deploy.sh [CHECK...]: everything that can be said of the deployment's files without a cluster or a Docker engine. Tools are
# installed into .tools/deploy (Python packages, Go programs) and by apt. Without names, all checks run; with names, only those.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

tools=$root/.tools/deploy
export PATH=$tools/bin:$tools/py/bin:$PATH
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

compose_combinations=(
  "compose.yaml"
  "compose.yaml compose.observability.yaml"
  "compose.yaml compose.ml.yaml"
  "compose.yaml compose.bi.yaml"
  "compose.yaml compose.observability.yaml compose.ml.yaml"
  "compose.yaml compose.observability.yaml compose.bi.yaml"
  "compose.yaml compose.ml.yaml compose.bi.yaml"
  "compose.yaml compose.observability.yaml compose.ml.yaml compose.bi.yaml"
)

install_tools() {
  if ! cmp -s scripts/check-deploy.requirements.txt "$tools/requirements.txt"; then
    have python3 || die "python3 is missing"
    rm -rf "$tools/py"
    python3 -m venv "$tools/py" || die "python3 cannot make environments; please install the package python3-venv"
    "$tools/py/bin/pip" install -q -r scripts/check-deploy.requirements.txt
    # Last: an installation that broke off is not taken for a whole one.
    cp scripts/check-deploy.requirements.txt "$tools/requirements.txt"
  fi
  local missing=()
  have buildah || missing+=(buildah crun)
  have promtool || missing+=(prometheus)
  ((${#missing[@]} == 0)) || apt_install "${missing[@]}"
}

# compose_config ENV FILE...
compose_config() {
  local env=$1 file arguments=()
  shift
  for file in "$@"; do arguments+=(-f "compose/$file"); done
  docker-compose --project-directory compose --env-file "$env" "${arguments[@]}" config -q
}

check_compose() {
  sed -E 's/^([A-Z_]+)=$/\1=abc123/' compose/.env.sample >"$scratch/env"
  local combination files
  for combination in "${compose_combinations[@]}"; do
    read -ra files <<<"$combination"
    compose_config "$scratch/env" "${files[@]}"
    echo "$combination: taken"
    ! compose_config compose/.env.sample "${files[@]}" 2>"$scratch/refused" || die "$combination starts with empty secrets"
    grep -q 'is empty' "$scratch/refused" || die "$combination is refused for another reason: $(cat "$scratch/refused")"
  done
}

check_alarms() {
  cp -r compose/observability "$scratch/prometheus"
  cd "$scratch/prometheus"
  touch token
  # promtool insists on the file of the token, which Compose mounts.
  sed -i 's#/run/secrets/http_token#token#' prometheus.yaml
  promtool check config prometheus.yaml
  promtool test rules alerts.test.yaml
  cd "$root"
}

check_dockerfile() {
  hadolint Dockerfile
  # The layer of dependencies is only worth something if cargo takes the skeleton.
  scripts/image-skeleton.sh "$scratch/skeleton"
  cargo metadata --manifest-path "$scratch/skeleton/Cargo.toml" --locked --no-deps --format-version 1 >/dev/null
}

# The runtime stage of the Dockerfile, with a program compiled here in the place of its compile stages, whose base cannot be pulled
# everywhere. CHURN_BIN names a program that is there already.
check_image() {
  local program=${CHURN_BIN:-} container
  if [ -z "$program" ]; then
    ensure_rust
    ensure_openssl
    cargo build -q -p churn
    program=${CARGO_TARGET_DIR:-target}/debug/churn
  fi
  export STORAGE_DRIVER=vfs
  mkdir "$scratch/context"
  scripts/image-root.sh "$program" "$scratch/context/root-of-image"
  buildah build --isolation=chroot --target runtime --build-context "root=$scratch/context" -t churn-check -f Dockerfile "$scratch/context" >/dev/null
  [ "$(buildah inspect --type image --format '{{.OCIv1.Config.User}}' churn-check)" = 65532:65532 ] || die "the image runs as root"
  container=$(buildah from churn-check)
  buildah run --isolation=chroot "$container" -- /usr/bin/churn --version
  buildah run --isolation=chroot "$container" -- /usr/bin/churn config check
  buildah rm "$container" >/dev/null
  buildah rmi churn-check >/dev/null
}

check_scripts() {
  shellcheck -x -P scripts scripts/*.sh .ci/run
}

if (($# == 0)); then set -- scripts compose alarms dockerfile image; fi
step "tools for the checks" install_tools
for check in "$@"; do
  [ "$(type -t "check_$check")" = function ] || die "there is no check named $check"
  step "$check" "check_$check"
done
echo "==> all passed in $SECONDS s"
