#!/bin/sh
# Prints the Debian mirror of this machine: DEBIAN_MIRROR, or the one that its apt uses anyway.
set -eu
# shellcheck disable=SC2016 # apt's own variables
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' |
    awk '$2 !~ /-/ && $3 == "main" { print $1; exit }')}
[ -n "$mirror" ] || { echo "$0: apt on this machine has no Debian mirror; set DEBIAN_MIRROR" >&2; exit 1; }
echo "$mirror"
