#!/bin/sh
# One fuzz target under libFuzzer: run.sh TARGET SECONDS [KEEP]; with KEEP the inputs that reach most, from the
# earlier runs too, become the target's corpus. `make fuzz` calls it.
set -eu
target=$1 time=$2 keep=${3:-}
cd "$(dirname "$0")/../.."
cargo=${CARGO:-cargo}
work=$PWD/target/fuzz
if [ ! -f "tests/fuzz/fuzz_targets/$target.rs" ]; then
    echo "TARGET must be one of:" >&2
    for file in tests/fuzz/fuzz_targets/*.rs; do basename "$file" .rs; done >&2
    exit 2
fi
if ! "$cargo" fuzz --version >/dev/null 2>&1 || ! command -v c++ >/dev/null; then
    echo "make fuzz needs cargo-fuzz and a C++ compiler: cargo install --locked cargo-fuzz; apt-get install g++" >&2
    exit 1
fi

# The dependencies in the versions that are shipped.
cp Cargo.lock tests/fuzz/Cargo.lock
kept=tests/fuzz/corpus/$target
mkdir -p "$work/corpus/$target" "$work/findings" "$kept"
# Of the compiler only the flags for coverage are unstable: any stable one has them. Without a sanitizer, which finds
# nothing in safe Rust, and without `cfg(fuzzing)`, by which a dependency could behave differently.
fuzz() {
    RUSTC_BOOTSTRAP=1 "$cargo" fuzz run --fuzz-dir tests/fuzz --target-dir "$work" --codegen-units 16 \
        --sanitizer none --no-cfg-fuzzing "$target" "$@" -max_len=8192 -timeout=60 -rss_limit_mb=2048
}

if [ -z "$keep" ]; then
    fuzz "$work/corpus/$target" "$kept" -- -max_total_time="$time" \
        -artifact_prefix="$work/findings/$target-" -print_final_stats=1
    exit
fi
smallest=$work/smallest/$target
rm -rf "$smallest"
mkdir -p "$smallest"
fuzz "$smallest" "$work/corpus/$target" "$kept" -- -set_cover_merge=1 -use_counters=0
find "$kept" -type f ! -name 'finding-*' ! -name 'seed-*' -delete
for input in "$smallest"/*; do
    name=$(basename "$input" | cut -c1-12)
    cp "$input" "$kept/$name"
done
