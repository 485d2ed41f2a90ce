#!/usr/bin/env bash
# Installs what the tests' servers need and what is not there yet: a JDK, Maven, Postgres, Prometheus and Alertmanager by apt
# (root only; otherwise it says the command), Kafka and the schema registry by Maven, an S3 server by Go and MLflow by pip,
# all into .tools/.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

dependency_plugin=org.apache.maven.plugins:maven-dependency-plugin:3.8.1
kafka_pom=crates/testkit/servers/kafka-pom.xml
apicurio=3.0.9
versitygw=1.8.0
mlflow=3.17.2

java_is_new_enough() {
  local version
  have java || return 1
  version=$(java -version 2>&1 | sed -nE 's/.* version "([0-9]+).*/\1/p' | head -n 1)
  [ "${version:-0}" -ge 17 ]
}

ensure_packages() {
  local missing=()
  if ! java_is_new_enough; then
    apt_update
    missing+=("$(jre_package)")
  fi
  if ! kafka_is_there || [ ! -d .tools/apicurio ]; then
    have mvn || missing+=(maven)
  fi
  scripts/find-postgres.sh >/dev/null || missing+=(postgresql)
  # For TLS to Kafka, and to make the certificates of the tests.
  have_openssl || missing+=(libssl-dev pkg-config)
  have openssl || missing+=(openssl)
  ((${#missing[@]} == 0)) || apt_install "${missing[@]}"
  java_is_new_enough || die "Java 17 or later is needed by the tests' Kafka; \`java -version\` says otherwise"
}

# Distributions differ in which versions they have, and the default one may be too old.
jre_package() {
  local version
  for version in 21 17 25; do
    if have apt-cache && apt-cache show "openjdk-$version-jre-headless" >/dev/null 2>&1; then
      echo "openjdk-$version-jre-headless"
      return
    fi
  done
  echo default-jre-headless
}

# maven ARGS...: refuses a download whose checksum is wrong.
maven() {
  mvn -q -B -Dstyle.color=never --strict-checksums "$@" </dev/null >&2
}

# Each arrives under another name first, so that a broken download is not taken for a whole one.
ensure_kafka() {
  ! kafka_is_there || return 0
  echo "fetching Kafka (54 MB)" >&2
  rm -rf .tools/kafka.part
  maven -f "$kafka_pom" "$dependency_plugin:copy-dependencies" \
    -DincludeScope=runtime "-DoutputDirectory=$root/.tools/kafka.part/libs"
  cp "$kafka_pom" .tools/kafka.part/pom.xml
  rm -rf .tools/kafka
  mv .tools/kafka.part .tools/kafka
}

# Of the version that is asked for: one that was fetched earlier may be another.
kafka_is_there() {
  cmp -s "$kafka_pom" .tools/kafka/pom.xml
}

# The file's description names a parent that may be missing from the repository, and only the plugin's
# version 2 fetches a file without reading it. Its own local repository says where the file is.
ensure_registry() {
  [ ! -d .tools/apicurio ] || return 0
  echo "fetching the Apicurio schema registry" >&2
  local part=$root/.tools/apicurio.part
  rm -rf "$part"
  mkdir "$part"
  maven org.apache.maven.plugins:maven-dependency-plugin:2.8:get -Dtransitive=false "-Dmaven.repo.local=$part/maven" \
    "-Dartifact=io.apicurio:apicurio-registry-app:$apicurio:tar.gz:all"
  tar -xzf "$part/maven/io/apicurio/apicurio-registry-app/$apicurio/apicurio-registry-app-$apicurio-all.tar.gz" -C "$part"
  rm -rf "$part/maven"
  mv "$part" .tools/apicurio
}

# Python's XGBoost, which checks that exported models are what it takes them for.
ensure_xgboost() {
  [ ! -d .tools/xgboost ] || return 0
  echo "fetching Python's XGBoost" >&2
  rm -rf .tools/xgboost.part
  if have uv; then
    uv venv -q .tools/xgboost.part && uv pip install -q --python .tools/xgboost.part/bin/python xgboost-cpu==3.2.0
  else
    python3 -m venv .tools/xgboost.part 2>/dev/null || {
      rm -rf .tools/xgboost.part
      apt_install python3-venv
      python3 -m venv .tools/xgboost.part
    }
    .tools/xgboost.part/bin/pip install -q --disable-pip-version-check xgboost-cpu==3.2.0
  fi
  mv .tools/xgboost.part .tools/xgboost
}

# Compiled from source, two minutes on two cores; Go's own caches make it seconds the next time.
ensure_s3() {
  [ ! -x .tools/s3/versitygw ] || return 0
  local go
  go=$(command -v go || echo /usr/local/go/bin/go)
  [ -x "$go" ] || die "Go 1.21 or later is missing, which builds the tests' S3 server; see https://go.dev/dl"
  echo "building the S3 server versitygw" >&2
  mkdir -p .tools/s3.part
  # Its own module's settings, whatever this machine's are; the checksum database vouches for what is fetched.
  GOFLAGS='' GOBIN=$root/.tools/s3.part "$go" install "github.com/versity/versitygw/cmd/versitygw@v$versitygw" >&2
  rm -rf .tools/s3
  mv .tools/s3.part .tools/s3
}

# The tracking server without the machine-learning libraries, which nothing here calls.
ensure_mlflow() {
  [ ! -d .tools/mlflow ] || return 0
  python3 -c 'import venv, ensurepip' 2>/dev/null || apt_install python3 python3-venv
  echo "fetching MLflow" >&2
  rm -rf .tools/mlflow.part
  python3 -m venv .tools/mlflow.part
  .tools/mlflow.part/bin/python -m pip install -q --disable-pip-version-check "mlflow-skinny==$mlflow" \
    fastapi uvicorn flask flask-cors 'sqlalchemy<3' alembic gunicorn aiohttp numpy pandas </dev/null >&2
  mv .tools/mlflow.part .tools/mlflow
}

mkdir -p .tools
ensure_packages
scripts/ensure-monitoring.sh
ensure_xgboost
ensure_kafka
ensure_registry
ensure_s3
ensure_mlflow
