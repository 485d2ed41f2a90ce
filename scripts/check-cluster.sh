#!/usr/bin/env bash
# check-cluster.sh: the overlays in a real Kubernetes control plane (etcd, API server, controllers, scheduler) whose nodes are fake: kwok
# plays their kubelets and says of every pod that it runs, so nothing of ours is run here. Proves what manifests alone cannot: admission
# with restricted Pod Security and warnings as errors, rollouts and jobs that finish, budgets that hold a drain back.
# The control plane is built from source once (about 20 minutes on two cores) into .tools/cluster, and ended with this script.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

kubernetes=34.4 kwok=v0.8.0 keda=v2.17.2 prometheus_operator=v0.82.2 external_secrets=v1.3.2
# What the operators of the overlay's components define.
crds=(
  "github.com/kedacore/keda/v2@$keda config/crd/bases/keda.sh_scaledobjects.yaml"
  "github.com/prometheus-operator/prometheus-operator@$prometheus_operator example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml"
  "github.com/prometheus-operator/prometheus-operator@$prometheus_operator example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml"
  "github.com/external-secrets/external-secrets@$external_secrets config/crds/bases/external-secrets.io_externalsecrets.yaml"
)
build=$root/.tools/cluster/build
bin=$build/bin
run=$(mktemp -d)
etcd=26379 peers=26380 api=26443
export KUBECONFIG=$run/kubeconfig

# Every server that was started, by its own id.
pids=()
end() {
  local pid
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$run"
}
trap end EXIT

module() {
  local answer
  answer=$(go mod download -json "$1") || die "cannot fetch $1: $answer"
  sed -nE 's/^[[:space:]]*"Dir": "(.*)",?$/\1/p' <<<"$answer"
}

# Kubernetes is not made to be another module's dependency: its staging modules are replaced by their published versions.
write_module() {
  local source
  source=$(module "k8s.io/kubernetes@v1.$kubernetes")/go.mod
  {
    printf 'module churnstream/cluster\n\n'
    grep -E '^(go|godebug) ' "$source"
    printf '\nrequire k8s.io/kubernetes v1.%s\n\nreplace (\n' "$kubernetes"
    sed -nE "s#^[[:space:]]*(k8s\.io/[a-z0-9-]+) => \./staging.*#\t\1 => \1 v0.$kubernetes#p" "$source"
    echo ')'
  } >go.mod
  {
    printf '//go:build tools\n\npackage tools\n\nimport (\n'
    printf '\t_ "k8s.io/kubernetes/cmd/%s"\n' kube-apiserver kube-controller-manager kube-scheduler
    echo ')'
  } >tools.go
  GOFLAGS=-mod=mod go mod tidy
}

build_control_plane() {
  local part version=k8s.io/component-base/version
  mkdir -p "$bin"
  cd "$build"
  [ -f go.sum ] || write_module
  for part in kube-apiserver kube-controller-manager kube-scheduler; do
    [ -x "$bin/$part" ] && continue
    echo "building $part" >&2
    CGO_ENABLED=0 GOFLAGS=-buildvcs=false nice go build -p 2 -trimpath -o "bin/$part.part" \
      -ldflags "-s -w -X $version.gitVersion=v1.$kubernetes -X $version.gitMajor=1 -X $version.gitMinor=${kubernetes%.*}" "k8s.io/kubernetes/cmd/$part"
    mv "bin/$part.part" "bin/$part"
  done
  [ -x "$bin/kwok" ] || GOFLAGS='' GOBIN=$bin go install "sigs.k8s.io/kwok/cmd/kwok@$kwok"
  cd "$root"
}

ensure_tools() {
  have go || die "go is missing; please install it: https://go.dev/dl"
  have kubectl || die "kubectl is missing: https://kubernetes.io/docs/tasks/tools"
  have openssl || apt_install openssl
  have etcd || apt_install etcd-server
}

# start NAME COMMAND...: in the background, with its output in a file.
start() {
  local name=$1
  shift
  "$@" >"$run/$name.log" 2>&1 &
  pids+=($!)
}

# within SECONDS COMMAND...: asks again until it succeeds.
within() {
  local until=$((SECONDS + $1))
  shift
  until "$@" >"$run/within.log" 2>&1; do
    ((SECONDS < until)) || die "not in time: $*: $(cat "$run/within.log")"
    sleep 0.5
  done
}

certificate() { # NAME SUBJECT EXTENSIONS
  openssl req -newkey rsa:2048 -nodes -subj "$2" -keyout "$run/$1.key" -out "$run/$1.csr" 2>/dev/null
  openssl x509 -req -in "$run/$1.csr" -CA "$run/ca.crt" -CAkey "$run/ca.key" -CAcreateserial -days 2 -out "$run/$1.crt" \
    -extfile <(printf 'extendedKeyUsage=serverAuth,clientAuth\n%s\n' "$3") 2>/dev/null
}

start_control_plane() {
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout "$run/ca.key" -out "$run/ca.crt" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign,digitalSignature 2>/dev/null
  certificate server /CN=kube-apiserver "subjectAltName=IP:127.0.0.1,IP:10.0.0.1,DNS:localhost"
  certificate admin /O=system:masters/CN=admin ''
  openssl genrsa -out "$run/sa.key" 2048 2>/dev/null
  openssl rsa -in "$run/sa.key" -pubout -out "$run/sa.pub" 2>/dev/null
  start etcd etcd --data-dir "$run/etcd" --listen-client-urls "http://127.0.0.1:$etcd" --advertise-client-urls "http://127.0.0.1:$etcd" \
    --listen-peer-urls "http://127.0.0.1:$peers" --initial-advertise-peer-urls "http://127.0.0.1:$peers" \
    --initial-cluster "default=http://127.0.0.1:$peers"
  # Without the taint of a new node, which only a node controller takes away again.
  start apiserver "$bin/kube-apiserver" "--etcd-servers=http://127.0.0.1:$etcd" --bind-address=127.0.0.1 --advertise-address=127.0.0.1 \
    --endpoint-reconciler-type=none --secure-port=$api "--tls-cert-file=$run/server.crt" "--tls-private-key-file=$run/server.key" \
    "--client-ca-file=$run/ca.crt" "--service-account-key-file=$run/sa.pub" "--service-account-signing-key-file=$run/sa.key" \
    "--service-account-issuer=https://127.0.0.1:$api" --authorization-mode=Node,RBAC --service-cluster-ip-range=10.0.0.0/24 \
    --disable-admission-plugins=TaintNodesByCondition
  kubectl config set-cluster c "--server=https://127.0.0.1:$api" "--certificate-authority=$run/ca.crt" --embed-certs >/dev/null
  kubectl config set-credentials u "--client-certificate=$run/admin.crt" "--client-key=$run/admin.key" --embed-certs >/dev/null
  kubectl config set-context x --cluster=c --user=u >/dev/null
  kubectl config use-context x >/dev/null
  within 120 kubectl get --raw /readyz
  local access=("--kubeconfig=$KUBECONFIG" "--authentication-kubeconfig=$KUBECONFIG" "--authorization-kubeconfig=$KUBECONFIG" --bind-address=127.0.0.1
    --leader-elect=false)
  start controllers "$bin/kube-controller-manager" "${access[@]}" --secure-port=26457 "--service-account-private-key-file=$run/sa.key" \
    "--root-ca-file=$run/ca.crt" --use-service-account-credentials '--controllers=*,-nodelifecycle'
  start scheduler "$bin/kube-scheduler" "${access[@]}" --secure-port=26459
}

start_nodes() {
  local source zone stage
  source=$(module "sigs.k8s.io/kwok@$kwok")/kustomize/stage
  for stage in "$source"/pod/fast/*.yaml "$source"/node/fast/*.yaml "$source"/node/heartbeat-with-lease/*.yaml; do
    [ "$(basename "$stage")" = kustomization.yaml ] || { echo ---; cat "$stage"; }
  done >"$run/stages.yaml"
  for zone in a b c; do
    sed "s/ZONE/$zone/g" scripts/check-cluster/node.yaml
  done | kubectl create -f - >/dev/null
  start kwok "$bin/kwok" "--kubeconfig=$KUBECONFIG" "--config=$run/stages.yaml" --manage-all-nodes=true --cidr=10.244.0.1/24 \
    --node-ip=127.0.0.1 --node-lease-duration-seconds=40
  within 60 kubectl wait node --all --for=condition=Ready --timeout=1s
}

define_resources() {
  local crd module file
  for crd in "${crds[@]}"; do
    read -r module file <<<"$crd"
    kubectl apply --server-side -f "$(module "$module")/$file" >/dev/null
  done
  scripts/strimzi-crds.sh "$root/.tools/deploy/strimzi"
  for file in "$root"/.tools/deploy/strimzi/*.yaml; do kubectl apply --server-side -f "$file" >/dev/null; done
  kubectl wait crd --all --for=condition=Established --timeout=60s >/dev/null
}

# apply FOLDER: the namespace comes first, and what follows is admitted by its labels. A warning ends the script.
apply() {
  kubectl kustomize "$1" >"$run/overlay.yaml"
  kubectl apply --server-side --warnings-as-errors --field-manager=check -f "$run/overlay.yaml" >"$run/applied"
  echo "$(wc -l <"$run/applied") resources of ${1#"$root"/} are taken"
}

# Restricted Pod Security is at work: a pod that asks for nothing, and so may do more than ours, is refused.
check_admission() {
  local said
  # A namespace's account is made by a controller, and a pod without one is refused before anything else.
  within 60 kubectl -n churnstream get serviceaccount default
  ! said=$(kubectl -n churnstream run careless --image=x 2>&1) || die "a pod without any restriction was admitted"
  grep -q 'violates PodSecurity "restricted' <<<"$said" || die "a careless pod was refused for another reason: $said"
}

parts=(statefulset/{synthesizer,scorer,sink} deployment/{monitor,trainer,api})

# rolled_out NAMESPACE WORKLOAD...
rolled_out() {
  local workload namespace=$1
  shift
  for workload in "$@"; do kubectl -n "$namespace" rollout status "$workload" --timeout=240s >"$run/status" || die "$workload: $(cat "$run/status")"; done
  echo "rolled out: $*"
}

check_rollout() {
  rolled_out churnstream "${parts[@]}"
  kubectl -n churnstream wait job/setup --for=condition=complete --timeout=120s
  # And once more, as after a change.
  kubectl -n churnstream rollout restart "${parts[@]}" >/dev/null
  rolled_out churnstream "${parts[@]}"
}

# What runs by the clock, run now.
check_scheduled_jobs() {
  local name
  for name in partitions warehouse; do
    kubectl -n churnstream create job "now-$name" "--from=cronjob/$name" >/dev/null
    kubectl -n churnstream wait "job/now-$name" --for=condition=complete --timeout=120s
  done
}

# Over the running production overlay, as somebody would who goes over to Strimzi.
check_strimzi() {
  kubectl -n churnstream delete job setup >/dev/null
  apply k8s/overlays/production-strimzi
  rolled_out churnstream "${parts[@]}"
  kubectl -n churnstream get kafkatopics,kafkausers -o name | sed 's,/.*,,' | sort | uniq -c
}

# In a namespace of its own. No provisioner makes volumes here: they are there already.
check_local() {
  local folder=$root/.tools/cluster/local made=0
  [ -e k8s/overlays/local/secrets ] || made=1
  ((made == 0)) || k8s/overlays/local/secrets.sh
  mkdir -p "$folder"
  printf '%s\n' 'namespace: churnstream-local' 'resources: [../../../k8s/overlays/local]' >"$folder/kustomization.yaml"
  kubectl apply -f scripts/check-cluster/volumes.yaml >/dev/null
  apply "$folder"
  ((made == 0)) || rm -r k8s/overlays/local/secrets
  rolled_out churnstream-local statefulset/{postgres,redpanda} "${parts[@]}"
  kubectl -n churnstream-local wait job/setup --for=condition=complete --timeout=120s
}

# Where no node takes new pods, one scorer may be taken for maintenance; its budget then holds the other back.
check_budget() {
  local said
  # As KEDA does under load: the overlay leaves the number to it.
  kubectl -n churnstream scale statefulset/scorer --replicas=2 >/dev/null
  kubectl -n churnstream rollout status statefulset/scorer --timeout=60s
  kubectl cordon --selector kubernetes.io/os=linux >/dev/null
  drain_of scorer-1 90s || die "the first scorer could not be taken for maintenance"
  within 60 nothing_more_may_go
  ! said=$(drain_of scorer-0 8s 2>&1) || die "the second scorer was taken as well"
  grep -q "violate the pod's disruption budget" <<<"$said" || die "the drain failed for another reason: $said"
  [ "$(kubectl -n churnstream get pod scorer-0 -o jsonpath='{.status.phase}')" = Running ] || die "the last scorer is gone"
  kubectl uncordon --selector kubernetes.io/os=linux >/dev/null
  kubectl -n churnstream rollout status statefulset/scorer --timeout=60s
  drain_of scorer-0 90s || die "the drain is still held back"
  # A drained node stays out of use until somebody says otherwise, and pods that are to be spread wait for it.
  kubectl uncordon --selector kubernetes.io/os=linux >/dev/null
}

# drain_of POD TIME: drains the pod's node of scorers. A pod gets its grace time to end.
drain_of() {
  local node
  node=$(kubectl -n churnstream get pod "$1" -o jsonpath='{.spec.nodeName}')
  kubectl drain "$node" --pod-selector app.kubernetes.io/component=scorer --timeout="$2"
}

nothing_more_may_go() {
  [ "$(kubectl -n churnstream get pdb scorer -o jsonpath='{.status.disruptionsAllowed}')" = 0 ]
}

stage "tools for the cluster" ensure_tools
stage "control plane" build_control_plane
stage "start" start_control_plane
stage "nodes" start_nodes
stage "operators' resources" define_resources
stage "production overlay" apply k8s/overlays/production
stage "admission" check_admission
stage "rollouts" check_rollout
stage "scheduled jobs" check_scheduled_jobs
stage "drain" check_budget
stage "production overlay with Strimzi" check_strimzi
stage "local overlay" check_local
echo "==> all passed in $SECONDS s"
