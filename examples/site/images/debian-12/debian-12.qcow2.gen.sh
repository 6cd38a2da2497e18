#!/bin/sh
# Creates the placeholder for a cloud image in the example and the tests: a valid, empty
# qcow2 image of 2 GiB. Nothing boots from it; the simulator only reads its header.
set -eu
cd "$(dirname "$0")"
qemu-img create -q -f qcow2 -o compat=1.1,cluster_size=4096 debian-12.qcow2 2G
sha256sum debian-12.qcow2 >debian-12.qcow2.sha256
