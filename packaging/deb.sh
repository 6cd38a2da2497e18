#!/bin/sh
# Packs target/PROFILE as a Debian package: sh packaging/deb.sh release
set -eu
cd "$(dirname "$0")/.."
profile=$1
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
arch=$(dpkg --print-architecture)
root=target/deb/root
rm -rf target/deb
make --no-print-directory install PROFILE="$profile" DESTDIR="$root" PREFIX=/usr >/dev/null
doc=$root/usr/share/doc/pve-pipeline
mkdir -p "$doc" "$root/DEBIAN"
# Debian's zsh looks here, and not in site-functions.
mv "$root/usr/share/zsh/site-functions" "$root/usr/share/zsh/vendor-completions"
install -m 644 LICENSE "$doc/copyright"
gzip -9n <CHANGELOG.md >"$doc/changelog.gz"
gzip -9n "$root"/usr/share/man/man1/*.1
chmod 644 "$doc"/* "$root"/usr/share/man/man1/*

# The oldest glibc that the programs run with: the newest symbol version that they need.
glibc=$(cat "$root"/usr/bin/* | grep -ao 'GLIBC_2\.[0-9]*' | sort -uV | tail -n 1 | cut -d _ -f 2)
cat >"$root/DEBIAN/control" <<END
Package: pve-pipeline
Version: $version
Architecture: $arch
Maintainer: The pve-pipeline developers <pve-pipeline@localhost>
Installed-Size: $(du -sk "$root/usr" | cut -f 1)
Depends: libc6 (>= $glibc), libgcc-s1
Suggests: qemu-utils, make, jq
Section: admin
Priority: optional
Description: turn a site's YAML into running Proxmox VE machines
 Small tools, chained like Unix filters, that plan, create, change and destroy
 VMs and networks through the API of Proxmox VE, without SSH, root or a state file.
END
find "$root/usr" -type d -exec chmod 755 {} +
file=target/deb/pve-pipeline_${version}_${arch}.deb
dpkg-deb --root-owner-group --build "$root" "$file" >/dev/null
echo "$file"
