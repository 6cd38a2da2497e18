#!/bin/sh
# Makes the certificate of an authority that has signed nothing here; its key is thrown away.
set -eu
cd "$(dirname "$0")"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /dev/null -subj /CN=other -days 36500 -out other.pem
