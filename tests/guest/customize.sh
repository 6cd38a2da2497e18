#!/bin/sh
# What Debian's cloud images add to the packages, and a repository with the guest agent: a hook of
# mmdebstrap, which can still download. customize.sh ROOT
set -eu
cd "$1"

mkdir -p srv/packages
APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -qq --yes --download-only install qemu-guest-agent
mv var/cache/apt/archives/*.deb srv/packages
(
    cd srv/packages
    for deb in *.deb; do
        dpkg-deb --field "$deb"
        printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' \
            "$deb" "$(stat -c %s "$deb")" "$(sha256sum "$deb" | cut -d ' ' -f 1)"
    done >Packages
)
rm -rf etc/apt/sources.list etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/srv/packages ./' >etc/apt/sources.list

cat >etc/cloud/cloud.cfg.d/01_image.cfg <<END
apt: {preserve_sources_list: true}
system_info:
  network: {renderers: [netplan, networkd, eni]}
END
# cloud-init 22.4.2 reports an error for a locale that was never generated.
echo 'en_US.UTF-8 UTF-8' >etc/locale.gen
chroot . locale-gen
chroot . systemctl enable systemd-networkd systemd-resolved ssh
ln -sf ../run/systemd/resolve/stub-resolv.conf etc/resolv.conf
echo 'LABEL=root / ext4 rw,discard,errors=remount-ro,x-systemd.growfs 0 1' >etc/fstab

# What each machine must have of its own.
: >etc/machine-id
rm -f etc/hostname etc/ssh/ssh_host_*
