# Within the namespaces of run.sh: a node from nothing, its two servers, then the command.
# All that is written lies in memory and ends with the namespaces.
set -eu
mount -t tmpfs none "$scratch"
chmod 777 "$scratch"
for folder in etc var; do
    mkdir -p "$scratch/$folder/upper" "$scratch/$folder/work"
    mount -t overlay overlay /$folder \
        -o "lowerdir=/$folder,upperdir=$scratch/$folder/upper,workdir=$scratch/$folder/work"
done
mount -t tmpfs none /run
mkdir -p /run/lock/qemu-server /run/lock/pve-manager /run/qemu-server /run/pve \
    /var/log/pve /var/lib/pve-manager /var/lib/vz "$scratch/disks"
for digit in 0 1 2 3 4 5 6 7 8 9 A B C D E F; do mkdir -p /var/log/pve/tasks/$digit; done
chown -R www-data:www-data /var/log/pve /run/pve
chmod 1777 /run/lock
hostname pve1
ip link set lo up

# PVE's qemu-img knows `zeroinit:`, a driver of its own; Debian's gets the plain name.
cp "$(command -v qemu-img)" "$scratch/qemu-img"
cat >"$scratch/plain-qemu-img" <<END
#!/bin/bash
exec $scratch/qemu-img "\${@#zeroinit:}"
END
chmod 755 "$scratch/plain-qemu-img"
mount --bind "$scratch/plain-qemu-img" "$(command -v qemu-img)"

mkdir -p /etc/network/interfaces.d
cat >/etc/network/interfaces <<END
auto lo
iface lo inet loopback

auto vmbr0
iface vmbr0 inet static
	address 10.0.12.2/24
	bridge-ports none
	bridge-stp off
	bridge-fd 0
END
mkdir -p /etc/pve/nodes/pve1/qemu-server /etc/pve/nodes/pve1/lxc /etc/pve/priv/lock \
    /etc/pve/firewall /etc/pve/ha /etc/pve/sdn
ln -s nodes/pve1 /etc/pve/local
ln -s nodes/pve1/qemu-server /etc/pve/qemu-server
echo 'keyboard: en-us' >/etc/pve/datacenter.cfg
cat >/etc/pve/storage.cfg <<END
dir: local
	path /var/lib/vz
	content iso,vztmpl,backup,import,snippets

dir: local-lvm
	path $scratch/disks
	content images,rootdir

END
# The token of `pve-apply privileges`, with nothing besides.
cat >/etc/pve/user.cfg <<END
user:root@pam:1:0::::::
user:pipeline@pve:1:0::::::
token:pipeline@pve!apply:0:1::

role:PipelineVMs:VM.Allocate,VM.Audit,VM.Config.CPU,VM.Config.Disk,VM.Config.HWType,VM.Config.Memory,VM.Config.Network,VM.Config.Options,VM.PowerMgmt:
role:PipelineDisks:Datastore.AllocateSpace:
role:PipelineImages:Datastore.Allocate,Datastore.AllocateSpace,Datastore.AllocateTemplate:
role:PipelineBridges:SDN.Use:

acl:1:/vms:pipeline@pve,pipeline@pve!apply:PipelineVMs:
acl:1:/storage/local-lvm:pipeline@pve,pipeline@pve!apply:PipelineDisks:
acl:1:/storage/local:pipeline@pve,pipeline@pve!apply:PipelineImages:
acl:1:/sdn/zones/localnetwork/vmbr0:pipeline@pve,pipeline@pve!apply:PipelineBridges:
END
secret=00000000-0000-4000-8000-000000000001
echo "pipeline@pve!apply $secret" >/etc/pve/priv/token.cfg

pem=/etc/pve/nodes/pve1/pve-ssl.pem
openssl req -batch -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=pve1 \
    -addext subjectAltName=IP:127.0.0.1,DNS:pve1 -keyout "$scratch/key" -out $pem 2>/dev/null
cat "$scratch/key" $pem >"$scratch/server.pem"
chmod 644 "$scratch/server.pem"
chgrp -R www-data /etc/pve
chmod -R a+rX /etc/pve

perl="/usr/bin/perl -I$here/stand-in"
for folder in "$sources"/*; do perl="$perl -I$folder/src -I$folder"; done
awk -f "$sources/pve-cluster/src/PVE/Cluster/IPCConst.pm.awk" \
    "$sources/pve-cluster/src/pmxcfs/cfs-ipc-ops.h" >"$scratch/IPCConst.pm"
$perl "$here/server.pl" pvedaemon 85 >"$scratch/pvedaemon.log" 2>&1 &
$perl "$here/server.pl" pveproxy 8006 >"$scratch/pveproxy.log" 2>&1 &

export PVE_ENDPOINT=https://127.0.0.1:8006 PVE_NODE=pve1
export PVE_API_TOKEN="pipeline@pve!apply=$secret"
PVE_FINGERPRINT=$(openssl x509 -in $pem -noout -fingerprint -sha256)
export PVE_FINGERPRINT="${PVE_FINGERPRINT#*=}"
up=no
for _ in $(seq 60); do
    if curl --silent --insecure --output /dev/null $PVE_ENDPOINT; then up=yes && break; fi
    sleep 1
done
status=1
if [ $up = yes ]; then
    status=0
    "$@" || status=$?
else
    cat "$scratch"/*.log >&2
fi
[ -z "${KEEP:-}" ] || cp "$scratch"/*.log "$KEEP"
exit $status
