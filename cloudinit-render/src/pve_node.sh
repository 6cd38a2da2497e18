#!/bin/sh
# Makes an API token for the virtual machines on this Proxmox VE node, and writes it with the node's
# address and fingerprint to /var/lib/pve-pipeline/node.json, or what went wrong. `pve-apply wait --pve`
# on another machine reads that file with the guest agent.
#
#   pve-pipeline-node                 waits for Proxmox VE, and does all of it
#   pve-pipeline-node hosts NAME...   only has the host name resolve to a real address
#
# The token is in that file alone: it is never an argument of a program, and never printed.
umask 077
export LC_ALL=C
state=/var/lib/pve-pipeline
result=$state/node.json
hosts=/etc/hosts
local_node=/etc/pve/local
interfaces=/etc/network/interfaces
cloud=/etc/cloud/cloud.cfg.d
no_network=$cloud/99-pve-pipeline-network.cfg
# Seconds to wait for Proxmox VE, counted from the start of this script.
bound=${PVE_PIPELINE_WAIT:-1200}
user=pipeline@pve
role=PipelineNode
# PVE refuses a role with a privilege that it does not know.
privileges_8=@PRIVILEGES_8@
privileges=@PRIVILEGES@
node=$(hostname)
node=${node%%.*}

# Replaces the result at once, so that nobody reads half of it.
write_result() {
    mkdir -p "$state" && printf '%s\n' "$1" >"$result.new" && mv -f "$result.new" "$result"
}

fail() {
    echo "pve-pipeline-node: $1" >&2
    text=$(printf '%s' "$1" | tr '\000-\037\177' ' ' | sed 's/[\\"]/\\&/g')
    write_result "{\"version\":1,\"error\":\"$text\"}"
    exit 1
}

# Prints the text of a field of the JSON on stdin.
field() {
    sed -n "s/.*\"$1\"[[:space:]]*:[[:space:]]*\"\([^\"]*\)\".*/\1/p" | head -n 1
}

# Runs a command that prints nothing worth reading.
try() {
    said=$("$@" 2>&1 >/dev/null) || fail "\`$1 $2 $3\` failed: $said"
}

# Sets the NIC of the default route, and this machine's address on it.
find_address() {
    for probe in '-4 192.0.2.1' '-6 2001:db8::1'; do
        # shellcheck disable=SC2086 # two words
        route=$(set -- $probe && ip "$1" route get "$2" 2>/dev/null) || continue
        nic=$(echo "$route" | sed -n 's/.* dev \([^ ]*\).*/\1/p')
        address=$(echo "$route" | sed -n 's/.* src \([^ ]*\).*/\1/p')
        [ -z "$nic" ] || [ -z "$address" ] || [ "$nic" = lo ] || return 0
    done
    return 1
}

# Returns whether the host name has an address that is not a loopback one.
resolves() {
    getent ahosts "$node" | awk '$1 !~ /^127\.|^::1$/ { found = 1 } END { exit !found }'
}

# Writes this machine's address into /etc/hosts if its name has none. PVE's cluster file system does
# not start without one.
fix_hosts() {
    resolves && return 0
    find_address || return 1
    cp -p "$hosts" "$hosts.new" && awk -v node="$node" '
        $1 ~ /^127\.|^::1$/ {
            kept = $1
            for (i = 2; i <= NF; i++) if ($i != node && index($i, node ".") != 1) kept = kept " " $i
            if (kept == $1) next
            if (NF != split(kept, _)) { print kept; next }
        }
        { print }' "$hosts" >"$hosts.new" && echo "$address $*" >>"$hosts.new" &&
        mv -f "$hosts.new" "$hosts" && resolves
}

certificate() {
    for name in pveproxy-ssl.pem pve-ssl.pem; do
        [ ! -s "$local_node/$name" ] || { echo "$local_node/$name"; return; }
    done
    return 1
}

# Returns whether Proxmox VE answers; `why` is what is missing.
is_ready() {
    why="this machine has no default route"
    find_address || return 1
    why="Proxmox VE is not installed: there is no pvesh. Use an image that has it, or install it by \`runcmd\` in \`cloud_init\`"
    command -v pvesh >/dev/null || return 1
    why="the host name $node does not resolve to an address of this machine's network: see /etc/hosts"
    fix_hosts "$node" || return 1
    # It gives up where it started before the name had an address.
    if systemctl is-failed --quiet pve-cluster; then
        systemctl reset-failed pve-cluster
        systemctl restart pve-cluster pvedaemon pveproxy pvestatd
    fi
    why="pvesh get /version: "
    version=$(timeout 60 pvesh get /version --output-format json 2>&1) ||
        { why=$why$(echo "$version" | tail -n 1); return 1; }
    version=$(echo "$version" | field version)
    why="this node has no certificate in $local_node: see \`systemctl status pve-cluster\`"
    certificate >/dev/null
}

uptime() {
    read -r seconds _ </proc/uptime
    echo "${seconds%%.*}"
}

wait_for_pve() {
    began=$(uptime)
    until is_ready; do
        [ $(($(uptime) - began)) -lt "$bound" ] ||
            fail "Proxmox VE was not ready within $bound s: $why"
        sleep 5
    done
}

no_bridge() {
    fail "this node has no bridge vmbr0, and it was not created: $1"
}

# Turns the configuration of $nic into that of vmbr0 with $nic as its port: address and routes stay.
# A second file that configures `lo` too, as cloud-init's does, replaces that of the first. Fails where
# something else refers to $nic.
as_bridge() {
    twice=$(cat "$@" | grep -cE '^[[:space:]]*iface[[:space:]]+lo[[:space:]]')
    awk -v nic="$nic" -v twice="$twice" '
        $1 ~ /^(auto|allow-.*|iface|source.*|mapping)$/ { of = "" }
        $1 == "auto" || $1 ~ /^allow-/ {
            kept = $1
            for (i = 2; i <= NF; i++) if ($i != nic) kept = kept " " $i
            if (kept != $1) print kept
            next
        }
        $1 == "iface" { of = $2 }
        of == "lo" && NR == FNR && twice > 1 { next }
        $1 == "iface" && $2 == nic {
            if (!ports++) print "auto vmbr0"
            $2 = "vmbr0"
            print
            if (ports == 1) print "\tbridge-ports " nic "\n\tbridge-stp off\n\tbridge-fd 0"
            next
        }
        of == nic && $1 == "mtu" { mtu = $0; next }
        # As cloud-init writes it, for a program that few images have.
        of == nic && /post-up route add default gw / { print "    gateway " $6; next }
        of == nic && /pre-down route del default gw / { next }
        index($0, nic) && $1 !~ /^#/ { exit 3 }
        { print }
        # A bridge has the MTU of its port.
        END {
            print "\nauto " nic "\niface " nic " inet manual"
            if (mtu) print mtu
        }' "$@"
}

# Puts the files back, and lets the NIC have its address again.
undo_bridge() {
    mv -f "$state/interfaces.before" "$interfaces"
    [ -z "$separate" ] || mv -f "$state/${separate##*/}.before" "$separate"
    ip link set "$nic" nomaster 2>/dev/null
    ip link delete vmbr0 2>/dev/null
    rm -f "$no_network"
    (umask 022 && ifreload -a >/dev/null 2>&1)
    no_bridge "$1"
}

has_moved() {
    before=$nic
    find_address && [ "$nic" = vmbr0 ] && return 0
    nic=$before
    return 1
}

# Creates vmbr0 from the NIC of the default route, if ifupdown2 configures that. What it had before is
# put back unless the default route is on vmbr0 at the end.
make_bridge() {
    ! ip link show vmbr0 >/dev/null 2>&1 || return 0
    command -v ifreload >/dev/null || no_bridge "there is no ifreload, of the package ifupdown2"
    found=$(grep -lsE "^[[:space:]]*iface[[:space:]]+${nic}[[:space:]]" "$interfaces" "$interfaces".d/*)
    separate=
    case $found in
    '') no_bridge "$nic is not configured in $interfaces" ;;
    "$interfaces") set -- "$interfaces" ;;
    *[[:space:]]*) no_bridge "$nic is configured in several files" ;;
    *) separate=$found; set -- "$interfaces" "$separate" ;;
    esac
    for copy in "$interfaces.new" "$state/interfaces.before"; do
        cp -p "$interfaces" "$copy" || no_bridge "$copy cannot be written"
    done
    as_bridge "$@" >"$interfaces.new" ||
        no_bridge "something in $interfaces or $interfaces.d refers to $nic in another way"
    [ -z "$separate" ] || mv -f "$separate" "$state/${separate##*/}.before"
    mv -f "$interfaces.new" "$interfaces"
    said=$(ifreload --syntax-check --all 2>&1) || undo_bridge "ifreload refuses it: $said"
    # At the next seed, cloud-init would configure the NIC again. Before the reload: after a reboot in
    # the middle of it, vmbr0 is there, and nothing comes back here.
    [ ! -d "$cloud" ] || echo 'network: {config: disabled}' >"$no_network"
    # What it starts writes files for everyone, such as /etc/resolv.conf.
    said=$(umask 022 && ifreload --all 2>&1)
    for _ in 1 2 3 4 5 6; do
        ! has_moved || return 0
        sleep 5
    done
    undo_bridge "the default route did not come back on it, so the configuration of $nic was put back: $said"
}

# Adds what is missing to the content of `local`: images and seeds are imported from there, and it is
# for disks where nothing else is.
fix_storage() {
    content=$(pvesh get /storage/local --output-format json | field content)
    [ -n "$content" ] || fail "this node has no storage \"local\""
    before=$content
    missing=import
    pvesm status --content images --enabled 1 | awk '$3 == "active" { found = 1 } END { exit !found }' ||
        missing="$missing images"
    for one in $missing; do
        case ,$content, in *,"$one",*) ;; *) content=$content,$one ;; esac
    done
    [ "$content" = "$before" ] || try pvesm set local --content "$content"
}

# The user and the role, which no one else needs.
make_user() {
    case $version in [1-8].*) privileges=$privileges_8 ;; esac
    if pvesh get "/access/roles/$role" >/dev/null 2>&1; then
        # What was added by hand stays.
        try pveum role modify "$role" --privs "$privileges" --append 1
    else
        try pveum role add "$role" --privs "$privileges"
    fi
    pvesh get "/access/users/$user" >/dev/null 2>&1 ||
        try pveum user add "$user" --comment "The VMs on this node, by pve-pipeline"
}

# Sets `token`. One from an earlier run is kept, since others may use it already.
make_token() {
    # PVE: pve-access-control, AccessControl.pm, $token_subid_regex: a letter, and at least one more
    # character. A host name may begin with a digit, or have one letter.
    case $node in [A-Za-z]?*) name=$node ;; *) name=node-$node ;; esac
    id=$user!$name
    token=
    if pvesh get "/access/users/$user/token/$name" >/dev/null 2>&1; then
        [ ! -e "$result" ] || token=$(field token <"$result")
        [ "${token%%=*}" = "$id" ] || token=
        [ -n "$token" ] || try pveum user token remove "$user" "$name"
    fi
    if [ -z "$token" ]; then
        said=$state/pveum.err
        answer=$(pveum user token add "$user" "$name" --privsep 1 --output-format json 2>"$said") ||
            answer=
        said=$(cat "$said"; rm -f "$said")
        [ -n "$answer" ] || fail "\`pveum user token add\` failed: $said"
        secret=$(printf '%s' "$answer" | field value)
        [ -n "$secret" ] || fail "\`pveum user token add\` printed no token"
        token=$id=$secret
    fi
    try pveum acl modify / --users "$user" --tokens "$id" --roles "$role"
}

find_fingerprint() {
    fingerprint=$(openssl x509 -in "$(certificate)" -noout -fingerprint -sha256)
    fingerprint=${fingerprint#*=}
    [ -n "$fingerprint" ] || fail "the fingerprint of $(certificate) could not be read"
}

if [ "$1" = hosts ]; then
    shift
    fix_hosts "$@"
    exit
fi
mkdir -p "$state" || exit 1
# An error of an earlier boot is not this one's.
! grep -qs '"error":' "$result" || rm -f "$result"
wait_for_pve
make_bridge
fix_storage
make_user
make_token
find_fingerprint
case $address in *:*) address="[$address]" ;; esac
write_result "{\"version\":1,\"node\":\"$node\",\"endpoint\":\"https://$address:8006\",\"fingerprint\":\"$fingerprint\",\"token\":\"$token\"}" ||
    fail "$result could not be written"
echo "pve-pipeline-node: $result is ready"
systemctl disable pve-pipeline-node.service 2>/dev/null || true
