#!/bin/sh
# The whole life of one VM on your own node: check, create, verify, grow, destroy.
# Touches nothing else on the node and leaves only the image behind. `make test-live` runs it.
#
#   PVE_ENDPOINT        https://pve1.example:8006
#   PVE_NODE            the node's name
#   PVE_API_TOKEN       USER@REALM!NAME=SECRET; `pve-apply privileges` lists what it needs
#   PVE_CA_FILE or PVE_FINGERPRINT   which server to trust [default: the system's CAs]
#
# If yours differ from those of a new node:
#   LIVE_STORAGE (local-lvm), LIVE_IMAGE_STORAGE (local), LIVE_BRIDGE (vmbr0)
#   LIVE_IMAGE          a cloud image [default: the tiny one of examples/site, which does not boot]
#   LIVE_WAIT           `agent` or `ssh` for an image that boots [default: none]
set -eu
: "${PVE_ENDPOINT:?}" "${PVE_NODE:?}" "${PVE_API_TOKEN:?}"
examples=$(cd "$(dirname "$0")" && pwd)
image=$(realpath "${LIVE_IMAGE:-$examples/site/images/debian-12/debian-12.qcow2}")
site=$(mktemp -d)
umask 077

say() { printf '\n== %s\n' "$*" >&2; }

left() {
    [ $? = 0 ] || say 'stopped; see what is left of the deployment pipeline-live: pve-apply status'
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

# wanted MEMORY DISK: describes the VM, in MiB and GiB.
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

# changes CODE [OPTION...]: expects the exit code of a plan: 4 with changes, 0 without.
changes() {
    expected=$1 code=0
    shift
    document | pve-apply plan --detailed-exitcode "$@" || code=$?
    [ "$code" = "$expected" ] || { say "plan ended with $code, not $expected"; exit 1; }
}

say 'check the requirements'
wanted 1024 8
document | pve-apply doctor

say 'create one VM'
document | pve-apply apply --wait "${LIVE_WAIT:-none}"
say 'verify it'
changes 0

say 'grow it'
wanted 1536 9
changes 4 --allow-stop
document | pve-apply apply --allow-stop --shutdown-timeout 20 --wait "${LIVE_WAIT:-none}"
changes 0

say 'destroy it'
document | pve-apply destroy --yes
changes 4
say 'success'
