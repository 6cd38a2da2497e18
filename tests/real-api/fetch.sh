#!/bin/sh
# fetch.sh FOLDER [DATE [FROM]]: PVE's own source as it was on DATE (absent: today), for run.sh.
# FROM is a place that holds the repositories; nothing of them belongs into this one.
# The last commits before these days run: 2025-04-23 (8.4), 2025-08-06 (9.0), 2025-11-20 (9.1).
set -eu
folder=$1 date=${2:-} from=${3:-https://git.proxmox.com/git}
mkdir -p "$folder"
for name in pve-common pve-http-server pve-manager qemu-server pve-storage pve-guest-common \
    pve-access-control pve-cluster pve-network pve-firewall pve-ha-manager; do
    repo=$folder/$name
    [ -e "$repo" ] || git clone --quiet "$from/$name.git" "$repo"
    commit=$(git -C "$repo" rev-list -1 ${date:+--before="$date"} origin/HEAD)
    git -C "$repo" checkout --quiet --detach "$commit"
    printf '%s %s\n' "$name" "$(git -C "$repo" log -1 --format='%h %cs %s')"
done
