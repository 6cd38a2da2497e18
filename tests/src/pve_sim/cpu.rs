//! The processors that PVE knows: models, and the flags that a single VM may set.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: qemu-server, QemuServer/CPUConfig.pm and QemuServer/CPUFlags.pm.

use std::collections::BTreeMap;

use serde_json::Value;

use super::keys::Release;
use super::property;
use super::schema::{self, Property};

/// PVE's own profiles.
const ABSTRACT: &str = "x86-64-v";

/// Models that came with 9.2.
const NEWEST: [&str; 14] = [
    "ClearwaterForest",
    "EPYC-Genoa-v2",
    "EPYC-Milan-v3",
    "EPYC-Rome-v5",
    "EPYC-Turin",
    "EPYC-v5",
    "GraniteRapids-v2",
    "GraniteRapids-v3",
    "Icelake-Server-v7",
    "SapphireRapids-v3",
    "SapphireRapids-v4",
    "SierraForest",
    "SierraForest-v2",
    "SierraForest-v3",
];

// Each release lists them in a different order.
const FLAGS_EIGHT: [&str; 12] = [
    "pcid",
    "spec-ctrl",
    "ibpb",
    "ssbd",
    "virt-ssbd",
    "amd-ssbd",
    "amd-no-ssb",
    "pdpe1gb",
    "md-clear",
    "hv-tlbflush",
    "hv-evmcs",
    "aes",
];
const FLAGS_NINE_ONE: [&str; 13] = [
    "nested-virt",
    "md-clear",
    "pcid",
    "spec-ctrl",
    "ssbd",
    "ibpb",
    "virt-ssbd",
    "amd-ssbd",
    "amd-no-ssb",
    "pdpe1gb",
    "hv-tlbflush",
    "hv-evmcs",
    "aes",
];
const FLAGS_NINE_TWO: [&str; 13] = [
    "aes",
    "amd-no-ssb",
    "amd-ssbd",
    "hv-evmcs",
    "hv-tlbflush",
    "ibpb",
    "md-clear",
    "nested-virt",
    "pcid",
    "pdpe1gb",
    "spec-ctrl",
    "ssbd",
    "virt-ssbd",
];

fn flags(release: Release) -> &'static [&'static str] {
    match release {
        release if release < (9, 1) => &FLAGS_EIGHT,
        (9, 1) => &FLAGS_NINE_ONE,
        _ => &FLAGS_NINE_TWO,
    }
}

/// Returns the models of a release, including PVE's own profiles.
pub(crate) fn models(release: Release) -> impl Iterator<Item = &'static str> {
    let known = schema::named("pve-vm-cputype").and_then(|keys| keys["known"].r#enum.as_ref());
    let names = known.into_iter().flatten().filter_map(Value::as_str);
    names.filter(move |name| release >= (9, 2) || !NEWEST.contains(name))
}

/// Returns whether a model is one of PVE's own profiles.
pub(crate) fn is_abstract(model: &str) -> bool {
    model.starts_with(ABSTRACT)
}

/// Returns the vendor of a model; `default` is the node's own.
pub(crate) fn vendor(model: &str) -> &'static str {
    let starts = |names: &[&str]| names.iter().any(|name| model.starts_with(name));
    if starts(&["kvm", "qemu", "max", "host", ABSTRACT]) {
        "default"
    } else if starts(&["athlon", "phenom", "Opteron", "EPYC"]) {
        "AuthenticAMD"
    } else {
        "GenuineIntel"
    }
}

/// Checks the CPU config of a VM. Custom models are looked up where the world is
/// known.
// PVE: QemuServer/CPUConfig.pm, validate_vm_cpu_conf.
pub(crate) fn check(
    keys: &BTreeMap<String, Property>,
    value: &str,
    release: Release,
) -> Result<(), String> {
    let read = property::parse(keys, value)?;
    let Some(cpu) = read.get("cputype") else {
        return Err("CPU is missing cputype\n".to_owned());
    };
    if !cpu.starts_with("custom-") && !models(release).any(|model| model == cpu) {
        return Err(format!(
            "Built-in cputype '{cpu}' is not defined (missing 'custom-' prefix?)\n"
        ));
    }
    let allowed = flags(release);
    let mut asked = read.get("flags").unwrap_or_default().split(';').filter(|f| !f.is_empty());
    if asked.any(|flag| !allowed.contains(&flag.trim_start_matches(['+', '-']))) {
        let all = allowed.join(", ");
        return Err(format!("VM-specific CPU flags must be a subset of: {all}\n"));
    }
    if read.get("reported-model").is_some() {
        let text = "Property 'reported-model' not allowed in VM-specific CPU config.\n";
        return Err(text.to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(value: &str, release: Release) -> Result<(), String> {
        check(schema::named("pve-vm-cpu-conf").unwrap(), value, release)
    }

    #[test]
    fn a_cpu_has_the_models_and_flags_of_its_release() {
        for (value, release, expected) in [
            ("x86-64-v2-AES", (8, 4), Ok(())),
            ("custom-mine", (9, 2), Ok(())),
            ("host,flags=+aes;-pcid", (8, 4), Ok(())),
            ("EPYC-Turin", (9, 2), Ok(())),
            (
                "EPYC-Turin",
                (9, 1),
                Err("Built-in cputype 'EPYC-Turin' is not defined (missing 'custom-' prefix?)\n"),
            ),
            ("flags=+aes", (9, 2), Err("CPU is missing cputype\n")),
            (
                "host,reported-model=kvm64",
                (9, 2),
                Err("Property 'reported-model' not allowed in VM-specific CPU config.\n"),
            ),
            ("host,flags=+nested-virt", (9, 1), Ok(())),
            (
                "host,flags=+nested-virt",
                (9, 0),
                Err("VM-specific CPU flags must be a subset of: pcid, spec-ctrl, ibpb, ssbd, \
                     virt-ssbd, amd-ssbd, amd-no-ssb, pdpe1gb, md-clear, hv-tlbflush, hv-evmcs, \
                     aes\n"),
            ),
        ] {
            assert_eq!(verdict(value, release), expected.map_err(str::to_owned), "{value}");
        }
    }
}
