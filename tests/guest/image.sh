#!/bin/sh
# The guest of `make test-guest`, made of Debian packages alone: image.sh trixie FOLDER writes vmlinuz,
# initrd.img and disk.img there.
#
# QEMU loads the kernel itself: a boot loader would need block devices for the partitions, which containers
# do not have, and cloud-init does not depend on it. Needs root, mmdebstrap, sfdisk and mke2fs.
set -eu
cd "$(dirname "$0")/../.."
suite=$1 out=$2
[ "$(id -u)" = 0 ] || { echo "$0: mmdebstrap needs root to make $out" >&2; exit 1; }
mirror=$(sh tests/debian-mirror.sh)
root=$out/root disk=$out/disk.new
rm -rf "$out"
mkdir -p "$out"
trap 'rm -rf "$root"' EXIT

# Without qemu-guest-agent: the seed has cloud-init install it.
packages=linux-image-cloud-amd64,initramfs-tools,systemd,systemd-sysv,systemd-resolved,systemd-timesyncd
packages=$packages,dbus,libpam-systemd,udev,kmod,cloud-init,cloud-guest-utils,netplan.io,openssh-server,sudo
packages=$packages,curl,openssl,ca-certificates,python3,e2fsprogs,fdisk,gdisk,iproute2,procps,locales
# shellcheck disable=SC2016 # the shell of the hook expands it
mmdebstrap --mode=root --variant=minbase --format=directory --include="$packages" \
    --customize-hook='sh tests/guest/customize.sh "$1"' \
    "$suite" "$root" "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
cp "$root"/boot/vmlinuz-* "$out/vmlinuz"
cp "$root"/boot/initrd.img-* "$out/initrd.img"

# As in Debian's images, the root file system is partition 1 and the last one on the disk.
truncate -s 2G "$disk"
sfdisk --quiet "$disk" <<END
label: gpt
14 : start=1MiB, size=3MiB, type=21686148-6449-6E6F-744E-656564454649
1 : start=4MiB, type=linux
END
mke2fs -q -t ext4 -L root -d "$root" -E offset=$((4 << 20)) "$disk" 2043M
mv "$disk" "$out/disk.img"
