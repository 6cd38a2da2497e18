#!/bin/sh
# The whole life of one VM on a node of yours: checked, made, found unchanged, grown, destroyed.
# Nothing else on the node is touched, and nothing stays but the image. `make test-live` runs it.
#
#   PVE_ENDPOINT        https://pve1.example:8006
#   PVE_NODE            the node's name
#   PVE_API_TOKEN       USER@REALM!NAME=SECRET; `pve-apply privileges` says what it needs
#   PVE_CA_FILE or PVE_FINGERPRINT   whom to trust; the system's CAs when both are absent
#
# Where yours differ from what a new node has:
#   LIVE_STORAGE (local-lvm), LIVE_IMAGE_STORAGE (local), LIVE_BRIDGE (vmbr0)
#   LIVE_IMAGE          a cloud image; when absent the tiny one of examples/site, which boots nothing
#   LIVE_WAIT           `agent` or `ssh` for an image that boots (none)
set -eu
: "${PVE_ENDPOINT:?}" "${PVE_NODE:?}" "${PVE_API_TOKEN:?}"
examples=$(cd "$(dirname "$0")" && pwd)
image=$(realpath "${LIVE_IMAGE:-$examples/site/images/debian-12/debian-12.qcow2}")
site=$(mktemp -d)
umask 077

say() { printf '\n== %s\n' "$*" >&2; }

left() {
    [ $? = 0 ] || say 'stopped; what is left belongs to the deployment pipeline-live: pve-apply status'
    rm -rf "$site"
}
trap left EXIT

mkdir "$site/nodes" "$site/manifests" "$site/presets"

cat >"$site/nodes/$PVE_NODE.yaml" <<END
api_endpoint: $PVE_ENDPOINT
api_token: live
datastore: ${LIVE_STORAGE:-local-lvm}
image_datastore: ${LIVE_IMAGE_STORAGE:-local}
END
cat >"$site/secrets.yaml" <<END
api_tokens:
  live: $PVE_API_TOKEN
END
cat >"$site/site.yaml" <<END
site: pipeline-live
defaults:
  bridge: ${LIVE_BRIDGE:-vmbr0}
images:
  live:
    file: $image
END

# wanted MEMORY DISK: what the VM shall be, in MiB and GiB.
wanted() {
    cat >"$site/manifests/pipeline-live.yaml" <<END
schema_version: 2
name: pipeline-live
nodes:
  - {name: pipeline-live, type: vm, image: live, cores: 1, memory: $1, disk: $2}
END
}

document() {
    resolve --site "$site" --manifest pipeline-live --node "$PVE_NODE" | cloudinit-render | image-publish
}

# changes CODE [OPTION...]: a plan ends with 4 when there are changes, with 0 when there are none.
changes() {
    expected=$1 code=0
    shift
    document | pve-apply plan --detailed-exitcode "$@" || code=$?
    [ "$code" = "$expected" ] || { say "plan ended with $code, not $expected"; exit 1; }
}

say 'what is needed is there'
wanted 1024 8
document | pve-apply doctor

say 'one VM is made'
document | pve-apply apply --wait "${LIVE_WAIT:-none}"
say 'and is what was asked for'
changes 0

say 'it grows'
wanted 1536 9
changes 4 --allow-stop
document | pve-apply apply --allow-stop --shutdown-timeout 20 --wait "${LIVE_WAIT:-none}"
changes 0

say 'it is destroyed'
document | pve-apply destroy --yes
changes 4
say 'all is well'
