#!/usr/bin/env bash
# strimzi-crds.sh FOLDER: writes the resources that Strimzi's operator defines for topics and users to FOLDER/*.yaml, where they are not
# there yet. Strimzi ships them as Java classes and a generator, which come from Maven Central.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

(($# == 1)) || {
  echo "usage: strimzi-crds.sh FOLDER" >&2
  exit 64
}
folder=$1
[ ! -e "$folder/done" ] || exit 0
{ have mvn && have java; } || die "Maven and Java are missing, for Strimzi's CRDs; please install the packages maven and default-jre-headless"
rm -rf "$folder"
mkdir -p "$folder"
cp scripts/check-deploy.strimzi.xml "$folder/pom.xml"
(cd "$folder" && mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib >&2)
for kind in topic.KafkaTopic user.KafkaUser; do
  java -cp "$folder/lib/*" io.strimzi.crdgenerator.CrdGenerator --yaml "io.strimzi.api.kafka.model.$kind=$folder/${kind#*.}.yaml" \
    2>"$folder/generator.log" || die "Strimzi's generator failed: $(cat "$folder/generator.log")"
done
# Last: an installation that broke off is not taken for a whole one.
touch "$folder/done"
