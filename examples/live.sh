#!/bin/sh
# The whole life of a VM, of a network and of a clone on your own node, each from its creation to its removal.
# Touches nothing else on the node, and removes what it made, also after a failure. `make test-live` runs it.
#
#   PVE_ENDPOINT        https://pve1.example:8006
#   PVE_NODE            the node's name
#   PVE_API_TOKEN       USER@REALM!NAME=SECRET; `pve-apply privileges` lists what it needs
#   PVE_CA_FILE or PVE_FINGERPRINT   which server to trust [default: the system's CAs]
#
# The parts, in this order; 0 leaves one out:
#   LIVE_VM, LIVE_NETWORK, LIVE_CLONE
#
# If yours differ from those of a new node:
#   LIVE_STORAGE (local-lvm), LIVE_IMAGE_STORAGE (local), LIVE_BRIDGE (vmbr0)
#   LIVE_IMAGE          a cloud image [default: the tiny one of examples/site, which does not boot]
#   LIVE_WAIT           `agent` or `ssh` for an image that boots, in the parts with LIVE_BRIDGE [default: none]
#   LIVE_ZONE, LIVE_VNET  IDs of the network that is created and removed (plzone, plvnet)
#   LIVE_SUBNET         its subnet (10.255.77.0/24)
set -eu
: "${PVE_ENDPOINT:?}" "${PVE_NODE:?}" "${PVE_API_TOKEN:?}"
examples=$(cd "$(dirname "$0")" && pwd)
image=$(realpath "${LIVE_IMAGE:-$examples/site/images/debian-12/debian-12.qcow2}")
zone=${LIVE_ZONE:-plzone} vnet=${LIVE_VNET:-plvnet}
site=$(mktemp -d)
umask 077

say() { printf '\n== %s\n' "$*" >&2; }

mkdir "$site/nodes" "$site/manifests" "$site/networks" "$site/presets"

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
  pipeline-live:
    file: $image
END
cat >"$site/networks/$zone.yaml" <<END
type: simple
vnets:
  $vnet:
    subnets:
      ${LIVE_SUBNET:-10.255.77.0/24}:
END

# wanted PART MEMORY DISK [KEY]: describes the part's only VM, in MiB and GiB.
wanted() {
    cat >"$site/manifests/pipeline-live-$1.yaml" <<END
schema_version: 2
name: pipeline-live-$1
nodes:
  - {name: pipeline-live-$1, type: vm, image: pipeline-live, cores: 1, memory: $2, disk: $3${4:+, $4}}
END
}

# resolved PART: the part's document before its image is published.
resolved() { resolve --site "$site" --manifest "pipeline-live-$1" --node "$PVE_NODE" | cloudinit-render; }

document() { resolved "$1" | image-publish; }

# changes CODE PART [OPTION...]: expects the exit code of a plan: 4 with changes, 0 without.
changes() {
    expected=$1 part=$2 code=0
    shift 2
    document "$part" | pve-apply plan --detailed-exitcode "$@" || code=$?
    [ "$code" = "$expected" ] || { say "plan ended with $code, not $expected"; exit 1; }
}

# destroyed PART: destroys it, and sees that nothing is left to destroy.
destroyed() {
    say 'destroy it'
    resolved "$1" | pve-apply destroy --yes
    changes 4 "$1"
    begun=''
}

# clean: removes the image, its template, and what a part that stopped half-way has made.
begun='' published=''
clean() {
    left=0
    [ -z "$begun" ] || resolved "$begun" | pve-apply destroy --yes || left=1
    [ -z "$published" ] || resolved "$published" | image-publish remove --force pipeline-live || left=1
    begun='' published=''
    return $left
}

# Removes what is left, whatever has happened, and keeps the exit code.
ended() {
    code=$?
    trap - EXIT
    trap '' HUP INT TERM
    if [ -n "$begun$published" ]; then
        say 'stopped; removing what was made'
        clean || say 'not everything could be removed; see what is left: pve-apply status'
    fi
    rm -rf "$site"
    exit $code
}
trap ended EXIT
trap 'exit 1' HUP INT TERM

live_vm() {
    say 'create one VM'
    document vm | pve-apply apply --wait "${LIVE_WAIT:-none}"
    say 'verify it'
    changes 0 vm
    say 'grow it'
    wanted vm 1536 9
    changes 4 vm --allow-stop
    document vm | pve-apply apply --allow-stop --shutdown-timeout 20 --wait "${LIVE_WAIT:-none}"
    changes 0 vm
    destroyed vm
}

live_network() {
    say 'create a network, and a VM on it'
    document network | pve-apply apply
    say 'verify them'
    changes 0 network
    destroyed network
}

live_clone() {
    say 'make a template, and create a clone of it'
    document clone | pve-apply apply --wait "${LIVE_WAIT:-none}"
    say 'verify it'
    changes 0 clone
    say 'grow it'
    wanted clone 1024 9 'create: clone'
    document clone | pve-apply apply --wait "${LIVE_WAIT:-none}"
    changes 0 clone
    destroyed clone
}

parts=''
[ "${LIVE_VM:-1}" = 0 ] || parts="$parts vm"
[ "${LIVE_NETWORK:-1}" = 0 ] || parts="$parts network"
[ "${LIVE_CLONE:-1}" = 0 ] || parts="$parts clone"
[ -n "$parts" ] || { say 'every part is left out'; exit 2; }
wanted vm 1024 8
wanted network 1024 8 "bridge: $vnet"
wanted clone 1024 8 'create: clone'

# Only the image is published before every part has what it needs; with a template, if clones are last.
for part in $parts; do
    say "check the requirements: $part"
    resolved "$part" >"$site/resolved.json"
    image-publish --dry-run <"$site/resolved.json" >"$site/checked.json"
    # A VM that cannot be a linked clone would be imported, and clones would not be tested.
    reason=$(jq -r '[.templates[]?.reason // empty] | first // empty' "$site/checked.json")
    [ -z "$reason" ] || { say "no linked clones: $reason. LIVE_STORAGE names another storage, LIVE_CLONE=0 leaves this part out"; exit 1; }
    published=$part
    document "$part" | pve-apply doctor
done

for part in $parts; do
    begun=$part
    "live_$part"
done
say 'remove the image and its template'
clean
say 'success'
