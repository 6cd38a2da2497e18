#!/bin/sh
# Installs the package into an empty root, runs the programs from there, and removes it again.
set -eu
cd "$(dirname "$0")/.."
deb=$(echo target/deb/pve-pipeline_*.deb)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates"
: >"$root/var/lib/dpkg/status"
: >"$root/var/lib/dpkg/available"
dpkg() { command dpkg --root="$root" --force-depends "$@" >"$root/log" 2>&1 || { cat "$root/log" >&2; exit 1; }; }

dpkg --install "$deb"
for tool in resolve mint-token cloudinit-render image-publish pve-apply; do
    "$root/usr/bin/$tool" --version
    for file in "man/man1/$tool.1.gz" "bash-completion/completions/$tool" \
        "zsh/vendor-completions/_$tool" "fish/vendor_completions.d/$tool.fish"; do
        test -s "$root/usr/share/$file" || { echo "the package lacks $file" >&2; exit 1; }
    done
done
test -s "$root/usr/share/pve-pipeline/pipeline.mk"
test -s "$root/usr/share/pve-pipeline/schemas/tfvars.json"
test ! -e "$root/usr/share/pve-pipeline/schemas/samples"

dpkg --purge pve-pipeline
left=$(find "$root/usr" -type f 2>/dev/null || true)
test -z "$left" || { echo "left behind: $left" >&2; exit 1; }
echo "installed and removed $deb"
