#!/usr/bin/env bash
# A CA for the services of one installation, and a certificate for each role it is asked for.
# Run again to renew: what runs reads the new files at its next handshake.
#
#   ca.sh FOLDER ROLE…      writes ca.pem, ca.key, and ROLE.pem, ROLE.key for each
set -euo pipefail

fail() {
    echo "ca: $*" >&2
    exit 1
}

(($# >= 2)) || fail "usage: ca.sh FOLDER ROLE…"
command -v openssl >/dev/null || fail "openssl is missing: run infra/setup.sh fleet"
folder=$1
shift
DAYS_CA=3650
DAYS=90
umask 077
mkdir -p "$folder"
cd "$folder"

# new_key FILE
new_key() {
    openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null ||
        openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null
}

if [ ! -f ca.key ]; then
    new_key ca.key
    openssl req -x509 -new -key ca.key -sha256 -days "$DAYS_CA" -subj "/CN=xchat services" \
        -addext "basicConstraints=critical,CA:TRUE,pathlen:0" \
        -addext "keyUsage=critical,keyCertSign,cRLSign" -out ca.pem
fi

for role in "$@"; do
    # Written beside and moved, the certificate last: nobody reads half of one.
    new_key "$role.key.new"
    openssl req -new -key "$role.key.new" -subj "/CN=$role" -out "$role.csr"
    openssl x509 -req -in "$role.csr" -CA ca.pem -CAkey ca.key -sha256 -days "$DAYS" \
        -set_serial "0x$(openssl rand -hex 16)" -out "$role.pem.new" -extfile <(
            echo "subjectAltName=DNS:$role.xchat.internal"
            echo "basicConstraints=critical,CA:FALSE"
            echo "keyUsage=critical,digitalSignature"
            echo "extendedKeyUsage=serverAuth,clientAuth"
        ) 2>/dev/null
    rm "$role.csr"
    mv "$role.key.new" "$role.key"
    mv "$role.pem.new" "$role.pem"
done
