#!/bin/sh
# run.sh FOLDER COMMAND…: runs COMMAND while PVE's own API code, fetched into FOLDER by fetch.sh,
# serves an empty node `pve1` on https://127.0.0.1:8006. PVE_ENDPOINT, PVE_NODE, PVE_API_TOKEN and
# PVE_FINGERPRINT tell COMMAND of it. KEEP=DIR keeps what the servers said.
#
# What is real: the HTTP server, the tree of API methods with their parameters and permissions,
# tasks, storage, the VM's config, qemu-img. What stands in: pmxcfs (stand-in/PVE/IPCC.pm), and
# QEMU itself (server.pl): a VM that runs is a sleeping process.
#
# Needs root, for namespaces of its own; nothing of the machine is changed. Needs of Debian:
#   qemu-utils wget openssl
#   libanyevent-perl libanyevent-http-perl libauthen-pam-perl libclone-perl
#   libcrypt-openssl-random-perl libcrypt-openssl-rsa-perl libdevel-cycle-perl
#   libfile-chdir-perl libfile-readbackwards-perl libfilesys-df-perl libhttp-message-perl
#   libio-multiplex-perl libjson-perl libjson-xs-perl liblinux-inotify2-perl libmime-base32-perl
#   libnet-ip-perl libnet-ldap-perl libnet-ssleay-perl libnetaddr-ip-perl librrds-perl
#   libstring-shellquote-perl libtimedate-perl liburi-perl libuuid-perl libwww-perl
#   libxml-libxml-perl libyaml-libyaml-perl
set -eu
here=$(cd "$(dirname "$0")" && pwd)
sources=$(cd "$1" && pwd)
shift
scratch=$(mktemp -d)
trap 'rmdir "$scratch"' EXIT
export here sources scratch
unshare --mount --uts --net --pid --fork --mount-proc sh "$here/node.sh" "$@"
