//! What the linker leaves out of a release: docs/decisions/0008-small-programs.md.

use std::env;

#[expect(clippy::disallowed_methods, reason = "door: cargo's variables")]
fn main() {
    println!("cargo::rerun-if-changed=unwind.ld");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|actual| actual == value);
    if !is("PROFILE", "release") || !is("CARGO_CFG_TARGET_OS", "linux") {
        return;
    }
    println!("cargo::rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
    println!("cargo::rustc-link-arg-bins=-T{}/unwind.ld", env!("CARGO_MANIFEST_DIR"));
    // The static program has its C library in it. A dynamic one would not start with a glibc before 2.36.
    if is("CARGO_CFG_TARGET_ENV", "musl") {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
