#!/bin/sh
# Rendered data against the real cloud-init of Debian 12 and 13: `make test-cloudinit`.
#
# Nothing is installed: each release's package comes by apt from the mirror that this machine uses
# anyway, is unpacked under target/cloudinit, and runs from there. Needs Debian's apt, python3-venv,
# and cargo. Downloads are kept; remove target/cloudinit to download again.
set -eu
cd "$(dirname "$0")/../.."
here=tests/cloudinit
work=$PWD/target/cloudinit
mkdir -p "$work"

mirror=$(sh tests/debian-mirror.sh)

# fetch RELEASE: cloud-init of that release, unpacked in $work/RELEASE/root
fetch() {
    private=$work/$1
    [ -e "$private/done" ] && return
    rm -rf "$private"
    mkdir -p "$private/lists/partial" "$private/archives/partial" "$private/root"
    keys=/usr/share/keyrings/debian-archive-keyring.gpg
    echo "deb [signed-by=$keys] $mirror $1 main" >"$private/sources.list"
    set -- -qq -o Dir::Etc::SourceList="$private/sources.list" -o Dir::Etc::SourceParts=- \
        -o Dir::State::Lists="$private/lists" -o Dir::Cache::Archives="$private/archives" \
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root
    apt-get "$@" update
    (cd "$private" && apt-get "$@" download cloud-init && dpkg-deb -x cloud-init_*.deb root)
    touch "$private/done"
}

fetch bookworm
fetch trixie
if ! [ -e "$work/venv/done" ]; then
    rm -rf "$work/venv"
    /usr/bin/python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
    touch "$work/venv/done"
fi

cargo build --quiet --locked --package cloudinit-render --package mint-token --examples --bins
seeds=$work/seeds
rm -rf "$seeds"
"$work/venv/bin/python" "$here/render.py" cloudinit-render/tests/cases "$seeds"
for release in bookworm trixie; do
    PYTHONPATH=$work/$release/root/usr/lib/python3/dist-packages \
        "$work/venv/bin/python" "$here/accept.py" "$release" "$seeds"
    PYTHONPATH=$work/$release/root/usr/lib/python3/dist-packages \
        "$work/venv/bin/python" "$here/logins.py" "$release" "$seeds"
done
"$work/venv/bin/python" "$here/roundtrip.py"
