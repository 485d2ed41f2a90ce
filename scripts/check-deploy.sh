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

# Versions of what comes as Go modules: programs, and the CRDs that are in the modules of their operators.
actionlint=v1.7.12 kubeconform=v0.7.0 keda=v2.17.2 prometheus_operator=v0.82.2 external_secrets=v1.3.2
overlays=(local production production-strimzi)

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
  ((${#missing[@]} == 0)) || apt_install "${missing[@]}"
}

# module PATH@VERSION: the folder that it was fetched to.
module() {
  local answer
  answer=$(go mod download -json "$1") || die "cannot fetch $1: $answer"
  sed -nE 's/^[[:space:]]*"Dir": "(.*)",?$/\1/p' <<<"$answer"
}

install_go_programs() {
  have go || die "go is missing; please install it: https://go.dev/dl"
  [ -x "$tools/bin/kubeconform" ] || GOBIN=$tools/bin go install "github.com/yannh/kubeconform/cmd/kubeconform@$kubeconform"
  [ -x "$tools/bin/actionlint" ] || GOBIN=$tools/bin go install "github.com/rhysd/actionlint/cmd/actionlint@$actionlint"
}

conform() {
  kubeconform -strict -summary -schema-location "$scratch/schemas/core/{{.ResourceKind}}{{.KindSuffix}}.json" \
    -schema-location "$scratch/schemas/crd/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json" "$1"
}

check_k8s() {
  have kubectl || die "kubectl is missing: https://kubernetes.io/docs/tasks/tools"
  install_go_programs
  scripts/strimzi-crds.sh "$tools/strimzi"
  local keda_crds prometheus_crds secrets_crds program overlay component made=0
  keda_crds=$(module "github.com/kedacore/keda/v2@$keda")/config/crd/bases
  prometheus_crds=$(module "github.com/prometheus-operator/prometheus-operator@$prometheus_operator")/example/prometheus-operator-crd
  secrets_crds=$(module "github.com/external-secrets/external-secrets@$external_secrets")/config/crds/bases
  "$tools/py/bin/python" scripts/check-manifests.py schemas "$scratch/schemas" "$keda_crds/keda.sh_scaledobjects.yaml" \
    "$prometheus_crds"/monitoring.coreos.com_{podmonitors,prometheusrules}.yaml \
    "$secrets_crds/external-secrets.io_externalsecrets.yaml" "$tools"/strimzi/*.yaml
  program=$(program)
  [ -e k8s/overlays/local/secrets ] || made=1
  ((made == 0)) || k8s/overlays/local/secrets.sh
  for overlay in "${overlays[@]}"; do
    echo "$overlay:"
    kubectl kustomize "k8s/overlays/$overlay" >"$scratch/$overlay.yaml"
    conform "$scratch/$overlay.yaml"
    "$tools/py/bin/python" scripts/check-manifests.py environments "$program" "$scratch/$overlay.yaml"
  done
  ((made == 0)) || rm -r k8s/overlays/local/secrets
  # Components of no overlay, each on the base.
  for component in retention tracing; do
    echo "base with $component:"
    mkdir -p "$tools/$component"
    printf '%s\n' 'namespace: churnstream' 'resources: [../../../k8s/base]' "components: [../../../k8s/components/$component]" >"$tools/$component/kustomization.yaml"
    kubectl kustomize "$tools/$component" >"$scratch/$component.yaml"
    conform "$scratch/$component.yaml"
    "$tools/py/bin/python" scripts/check-manifests.py environments "$program" "$scratch/$component.yaml"
  done
  "$tools/py/bin/python" k8s/components/strimzi/generate.py | diff - k8s/components/strimzi/users.yaml ||
    die "the Strimzi users are not those of docs/permissions.toml: run k8s/components/strimzi/generate.py > k8s/components/strimzi/users.yaml"
  # Why these four are left out is in k8s/README.md.
  checkov --skip-download --quiet --compact --framework kubernetes --skip-check CKV_K8S_11,CKV_K8S_15,CKV_K8S_35,CKV_K8S_43 -f "$scratch/production.yaml"
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

check_versions() {
  "$tools/py/bin/python" scripts/check-manifests.py versions
}

check_dockerfile() {
  mkdir "$scratch/inline"
  "$tools/py/bin/python" scripts/check-manifests.py inline "$scratch/inline"
  hadolint Dockerfile scripts/check-wiring/Containerfile
  # Their users are those of the image that they are built from, which it knows by name.
  hadolint --ignore DL3066 "$scratch/inline"/*
  # The layer of dependencies is only worth something if cargo takes the skeleton.
  scripts/image-skeleton.sh "$scratch/skeleton"
  cargo metadata --manifest-path "$scratch/skeleton/Cargo.toml" --locked --no-deps --format-version 1 >/dev/null
}

# program: the compiled program's path. CHURN_BIN names one that is there already.
program() {
  if [ -z "${CHURN_BIN:-}" ]; then
    ensure_rust
    ensure_openssl
    cargo build -q -p churn
  fi
  realpath "${CHURN_BIN:-${CARGO_TARGET_DIR:-target}/debug/churn}"
}

# A part in the image, asked by the image's own healthcheck: it lives; without a model it is not ready, which is exit code 1.
check_health_in() {
  local run=(buildah run --isolation=chroot --env CHURN__HTTP__LISTEN=127.0.0.1:18099 "$1" -- /usr/bin/churn) part status=0
  "${run[@]}" run api 2>"$scratch/api.log" &
  part=$!
  "${run[@]}" health --live --wait 60s || die "the part in the image does not live: $(cat "$scratch/api.log")"
  "${run[@]}" health 2>"$scratch/health.log" || status=$?
  kill "$part"
  wait "$part" || true
  [ "$status" = 1 ] || die "health ended with $status: $(cat "$scratch/health.log")"
}

# The runtime stage of the Dockerfile, with a program compiled here in the place of its compile stages, whose base cannot be pulled
# everywhere.
check_image() {
  local program container
  program=$(program)
  export STORAGE_DRIVER=vfs
  mkdir "$scratch/context"
  scripts/image-root.sh "$program" "$scratch/context/root-of-image"
  # Docker's format: OCI's has no place for the healthcheck.
  buildah build --format docker --isolation=chroot --target runtime --build-context "root=$scratch/context" -t churn-check \
    -f Dockerfile "$scratch/context" >/dev/null
  [ "$(buildah inspect --type image --format '{{.OCIv1.Config.User}}' churn-check)" = 65532:65532 ] || die "the image runs as root"
  [ "$(buildah inspect --type image --format '{{.Docker.Config.Healthcheck.Test}}' churn-check)" = "[CMD /usr/bin/churn health]" ] ||
    die "the image has no healthcheck"
  container=$(buildah from churn-check)
  buildah run --isolation=chroot "$container" -- /usr/bin/churn --version
  buildah run --isolation=chroot "$container" -- /usr/bin/churn config check
  check_health_in "$container"
  buildah rm "$container" >/dev/null
  buildah rmi churn-check >/dev/null
}

check_workflows() {
  install_go_programs
  actionlint -color=false
  zizmor --offline --pedantic .github
}

# On a copy, so that nothing is left in the tree. TF_PLUGINS names a folder with the provider, where its registry is out of
# reach; a mirror under /opt is found by itself.
check_terraform() {
  have terraform || die "terraform is missing: https://developer.hashicorp.com/terraform/install"
  local arguments=(-backend=false -input=false) mirrors=(/opt/*/registry.terraform.io /usr/local/share/*/registry.terraform.io)
  local plugins=${TF_PLUGINS:-${mirrors[0]%/registry.terraform.io}}
  [ ! -d "$plugins" ] || arguments+=("-plugin-dir=$plugins")
  unset TF_CLI_CONFIG_FILE
  terraform fmt -check -recursive terraform
  cp -r terraform "$scratch/terraform"
  terraform -chdir="$scratch/terraform/aws" init "${arguments[@]}" >/dev/null
  terraform -chdir="$scratch/terraform/aws" validate
  terraform -chdir="$scratch/terraform/aws" test
  # Google's provider cannot be had everywhere: its files are read, not planned.
  checkov --skip-download --quiet --compact --framework terraform -d terraform
  check_cloud_init
}

# What the machine of gcp-vm starts with, filled in by Terraform's own function.
check_cloud_init() {
  mkdir "$scratch/cloud-init" "$scratch/console"
  cp terraform/gcp-vm/cloud-init.yaml.tftpl "$scratch/console"
  terraform -chdir="$scratch/console" console <<<'jsonencode(templatefile("cloud-init.yaml.tftpl", { repository = "https://example.com/churnstream.git", commit = "0123", image = "ghcr.io/churnstream/churnstream@sha256:0", warehouse_image = "ghcr.io/churnstream/churnstream-warehouse@sha256:0", files = "compose.yaml:compose.bi.yaml", rate = 500 }))' |
    "$tools/py/bin/python" scripts/check-manifests.py cloud-init "$scratch/cloud-init"
  shellcheck "$scratch/cloud-init"/*
}

check_scripts() {
  shellcheck -x -P scripts scripts/*.sh scripts/check-wiring/bin/{rpk,docker-entrypoint.sh,minio} k8s/overlays/local/secrets.sh .ci/run
  shellcheck -x -P SCRIPTDIR crates/testkit/servers/*.sh
}

# Each in a process of its own: a function that is called where its status is asked for would go on after a failure.
if [ "${1:-}" = --one ]; then
  "$2"
  exit
fi
if (($# == 0)); then set -- scripts versions compose workflows k8s terraform dockerfile image; fi
step "tools for the checks" "$root/scripts/check-deploy.sh" --one install_tools
for check in "$@"; do
  [ "$(type -t "check_$check")" = function ] || die "there is no check named $check"
  step "$check" "$root/scripts/check-deploy.sh" --one "check_$check"
done
echo "==> all passed in $SECONDS s"
