#!/bin/sh
# The pipe on examples/site, from plan to destroy. `make demo` runs it under pve-sim,
# which sets PVE_SIM_ENDPOINT and PVE_FINGERPRINT; nothing else here depends on the simulator.
set -eu
cd "$(dirname "$0")/.."
bin=${BIN:-target/debug}
PATH=$PWD/$bin:$PATH
site=examples/site
# A checkout cannot make secrets readable only by their owner.
chmod 600 $site/secrets.yaml

say() { printf '\n== %s\n' "$*" >&2; }

document() {
    resolve --site $site --env dev --node pve1 --endpoint "$PVE_SIM_ENDPOINT" |
        mint-token --site $site |
        cloudinit-render |
        image-publish
}

say 'resolve | mint-token | cloudinit-render | image-publish | pve-apply plan'
document | pve-apply plan

say 'pve-apply apply'
document | pve-apply apply

say 'pve-apply apply again: nothing to do'
document | pve-apply apply

say 'pve-apply destroy'
document | pve-apply destroy --yes

# A site with networks: the example with examples/networks copied over it.
lab=$(mktemp -d)
trap 'rm -rf "$lab"' EXIT
cp -R $site/. examples/networks/networks "$lab"
cp examples/networks/envs/lab.yaml "$lab/envs"
lab_document() {
    resolve --site "$lab" --env lab --node pve1 --endpoint "$PVE_SIM_ENDPOINT" |
        mint-token --site "$lab" |
        cloudinit-render |
        image-publish
}

say 'pve-apply apply: a VM on a VXLAN vnet, and the vnet before it'
lab_document | pve-apply apply

say 'pve-apply status'
lab_document | pve-apply status

say 'pve-apply destroy: the VM, and then its network'
lab_document | pve-apply destroy --yes
