#!/usr/bin/env bash
# certificates.sh FOLDER: certificates for tests of TLS, all of them made anew and good for two days at most.
# ca.pem           the authority to trust            other-ca.pem     one that signed nothing here
# server.key       the key of 127.0.0.1, localhost   server.pem       its certificate
# expired.pem      a certificate of that key that is no longer valid
set -euo pipefail
mkdir -p "$1"
cd "$1"
exec >openssl.log 2>&1

key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
openssl req -x509 "${key[@]}" -days 2 -subj "/CN=test authority" -keyout ca.key -out ca.pem
openssl req -x509 "${key[@]}" -days 2 -subj "/CN=another authority" -keyout other-ca.key -out other-ca.pem
openssl req "${key[@]}" -subj /CN=localhost -keyout server.key -out server.csr
cat >ca.cnf <<CONF
[ca]
default_ca = own
[own]
database = index.txt
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = any
x509_extensions = server
rand_serial = yes
unique_subject = no
[any]
commonName = supplied
[server]
subjectAltName = DNS:localhost,IP:127.0.0.1
CONF
: >index.txt
sign=(openssl ca -batch -notext -config ca.cnf -in server.csr)
"${sign[@]}" -days 2 -out server.pem
"${sign[@]}" -startdate 20200101000000Z -enddate 20210101000000Z -out expired.pem
# Kafka wants key and certificate in one file.
cat server.key server.pem >server-all.pem
cat server.key expired.pem >expired-all.pem
