#!/bin/sh
# Static programs, an SBOM for each, and checksums, in target/dist: `make dist`.
# `make dist TARGET=x86_64-unknown-linux-gnu` builds for this C library, to try it without musl.
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
target=${TARGET:-x86_64-unknown-linux-musl}
tools=${TOOLS:?run \`make dist\`}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
name=pve-pipeline-$version-$target
dist=target/dist

missing=
need() { missing="$missing  $1
"; }
[ -e "$(rustc --print target-libdir --target "$target")" ] ||
    need "Rust's library for $target: rustup target add $target"
case $target in
*-musl) command -v musl-gcc >/dev/null || need "a C compiler for musl, for ring: apt-get install musl-tools" ;;
esac
$cargo cyclonedx --version >/dev/null 2>&1 ||
    need "cargo-cyclonedx, for the SBOM: cargo install --locked cargo-cyclonedx"
if [ -n "$missing" ]; then
    printf 'make dist needs\n%s' "$missing" >&2
    exit 1
fi

# The same bytes on every machine: no path of this one, and the time of the commit.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
RUSTFLAGS="--remap-path-prefix=$PWD=. --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"
export SOURCE_DATE_EPOCH RUSTFLAGS
packages=$(for tool in $tools; do echo "--package $tool"; done)
# shellcheck disable=SC2086 # several words
$cargo build --locked --release --target "$target" $packages
make --no-print-directory size PROFILE="$target/release"
for tool in $tools; do "target/$target/release/$tool" --version >/dev/null; done
case $target in
*-musl)
    for tool in $tools; do
        if readelf --program-headers "target/$target/release/$tool" | grep -q INTERP; then
            echo "$tool is not static" >&2
            exit 1
        fi
    done
    ;;
esac

rm -rf "$dist"
root=$dist/$name
make --no-print-directory install PROFILE="$target/release" DESTDIR="$PWD/$root" PREFIX= >/dev/null
install -m 644 LICENSE README.md CHANGELOG.md SECURITY.md "$root"

# It writes a file beside each Cargo.toml of the workspace.
trap 'rm -f ./*/*.cdx.json' EXIT
$cargo cyclonedx --quiet --format json --spec-version 1.5 --target "$target" --no-build-deps
for tool in $tools; do
    sed "s|file://$PWD|file:///pve-pipeline|g" "$tool/$tool.cdx.json" >"$dist/$tool-$version.cdx.json"
done

tar --create --directory "$dist" --sort name --mtime "@$SOURCE_DATE_EPOCH" --owner 0 --group 0 --numeric-owner \
    --mode u=rwX,go=rX "$name" | gzip -9n >"$dist/$name.tar.gz"
rm -r "$root"
(cd "$dist" && sha256sum -- *.tar.gz *.cdx.json >SHA256SUMS)
ls "$dist"
