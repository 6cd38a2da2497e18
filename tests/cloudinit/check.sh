#!/bin/sh
# Rendered data against the real cloud-init of Debian 12, 13 and sid: `make test-cloudinit`.
#
# Nothing is installed: each release's package comes by apt from the mirror that this machine uses
# anyway, is unpacked under target/cloudinit, and runs from there. Needs Debian's apt, python3-venv,
# and what `cargo test --workspace` builds. Downloads are kept; remove target/cloudinit to download again.
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
    # Without translations and other architectures: the list of packages is the larger part of it all.
    set -- -qq -o Dir::Etc::SourceList="$private/sources.list" -o Dir::Etc::SourceParts=- \
        -o Dir::State::Lists="$private/lists" -o Dir::Cache::Archives="$private/archives" \
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root \
        -o Acquire::Languages=none
    apt-get "$@" update
    (cd "$private" && apt-get "$@" download cloud-init && dpkg-deb -x cloud-init_*.deb root)
    touch "$private/done"
}

# judge RELEASE: its schema and network code, and what it does with SSH keys
judge() {
    fetch "$1"
    for script in accept logins; do
        PYTHONPATH=$work/$1/root/usr/lib/python3/dist-packages \
            "$work/venv/bin/python" "$here/$script.py" "$1" "$seeds"
    done
}

if ! [ -e "$work/venv/done" ]; then
    rm -rf "$work/venv"
    /usr/bin/python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
    touch "$work/venv/done"
fi

# The larger part of the work, beside the rest.
"$work/venv/bin/python" "$here/roundtrip.py" &
roundtrip=$!
trap 'kill "$roundtrip" 2>/dev/null || true' EXIT
seeds=$work/seeds
rm -rf "$seeds"
"$work/venv/bin/python" "$here/render.py" cloudinit-render/tests/cases "$seeds"
for release in bookworm trixie sid; do
    judge "$release"
done
wait "$roundtrip"
