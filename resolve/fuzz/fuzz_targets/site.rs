//! Any text as any file of a site: resolve must neither panic nor run away.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    for kind in resolve::schema_kinds() {
        let _ = resolve::memory::validate(kind, text);
    }
    let files = [
        ("site.yaml", text),
        ("nodes/n.yaml", "{datastore: local, api_endpoint: 'https://n:8006'}"),
        ("envs/e.yaml", text),
        ("manifests/m.yaml", text),
        ("vms/t.yaml", text),
        ("presets/p.yaml", text),
        ("specs/s.yaml", text),
        ("networks/lab.yaml", text),
    ];
    let _ = resolve::memory::check(&files);
});
