#!/bin/sh
# Checks the dependencies by deny.toml, and says what could not be checked here.
# With `sh packaging/deny.sh required`, what could not be checked is a failure.
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}

mode=${1:-}
unchecked() {
    echo "not checked: $1" >&2
    [ "$mode" != required ] || exit 1
}

if ! $cargo deny --version >/dev/null 2>&1; then
    unchecked "advisories, bans and sources of the dependencies: cargo-deny is not installed (cargo install --locked cargo-deny)"
    exit 0
fi
$cargo deny --locked check bans licenses sources

# The advisories are a git repository on the web. Without it, a copy that was fetched earlier serves for
# 90 days; cargo-deny refuses an older one.
copies=${CARGO_HOME:-$HOME/.cargo}/advisory-dbs
if $cargo deny --locked fetch db; then
    $cargo deny --locked --offline check advisories
elif ls -d "$copies"/advisory-db-* >/dev/null 2>&1; then
    $cargo deny --locked --offline check advisories
    unchecked "advisories of the last days: their database could not be fetched; an earlier copy has none"
else
    unchecked "advisories of the dependencies: their database could not be fetched"
fi
