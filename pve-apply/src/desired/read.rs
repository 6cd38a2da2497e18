//! Document → (`Desired`, `Report`): every problem of the document is found here, before the first
//! request. Does no I/O.

use super::{Consent, Desired, DesiredVm, Image, Machine, Nic, OnError, Seed, Startup, rendered};
use crate::mark::TAG;
use pve_client::{NodeName, StorageId, Vmid, Volid};
use stage::identity::{DEPLOYMENT_NAME, SITE_NAME, is_deployment_name, is_site_name};
use stage::{Deployment, Entry, Place, Report, SeedInputs, Vm};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;

/// What the document is read for: what is not needed is not asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To make and change VMs: all must be there.
    Apply,
    /// To find VMs: names and vmids are enough.
    Find,
    /// To find VMs and compare them, as far as the document allows.
    FindOrApply,
}

/// Reads the document's deployment into PVE's terms. What could not be read is in the report,
/// and the value must not be used then.
pub(crate) fn read(
    deployment: &Deployment,
    run: &str,
    purpose: Purpose,
) -> (Option<Desired>, Report) {
    if purpose == Purpose::FindOrApply {
        let whole = read(deployment, run, Purpose::Apply);
        return if whole.0.is_some() { whole } else { read(deployment, run, Purpose::Find) };
    }
    let inputs = SeedInputs::new(deployment);
    let mut reader = Reader { deployment, inputs, purpose, report: Report::new() };
    let desired = reader.all(run);
    let complete = !reader.report.has_errors();
    (desired.filter(|_| complete), reader.report)
}

struct Reader<'a> {
    deployment: &'a Deployment,
    inputs: SeedInputs,
    purpose: Purpose,
    report: Report,
}

impl Reader<'_> {
    fn all(&mut self, run: &str) -> Option<Desired> {
        let d = self.deployment;
        self.names();
        let node = self.parse::<NodeName>("node".into(), &d.node, NodeName::RULE);
        let storage = self.parse("image_datastore".into(), &d.image_datastore, StorageId::RULE);
        let on_error = self.on_error();
        let vms: Vec<_> = d.vms.iter().enumerate().map(|(i, vm)| self.vm(i, vm)).collect();
        self.unique(&vms);
        self.parents(&vms);
        Some(Desired {
            site: d.site.clone().unwrap_or_default(),
            deployment: d.deployment.clone(),
            node: node?,
            image_storage: storage?,
            on_error,
            vmid_range: d.vmid_range,
            vm_names: d.vm_names.as_ref().map(|names| names.iter().cloned().collect()),
            run: run.to_owned(),
            reserved: vms.iter().filter_map(|vm| vm.vmid).collect(),
            consent: Consent::default(),
            vms,
        })
    }

    fn names(&mut self) {
        let Deployment { site, deployment, .. } = self.deployment;
        if !is_deployment_name(deployment) {
            let fact = if deployment.is_empty() {
                "is missing: it names what the VMs belong to".to_owned()
            } else {
                format!("\"{deployment}\" must be {DEPLOYMENT_NAME}")
            };
            self.report.error(Place::input("deployment"), fact);
        }
        if let Some(site) = site.as_ref().filter(|site| !is_site_name(site)) {
            let fact = format!("\"{site}\" must be {SITE_NAME}");
            self.report.error(Place::input("site"), fact);
        }
    }

    fn on_error(&mut self) -> Option<OnError> {
        let text = self.deployment.on_error.as_ref()?;
        let known = <OnError as clap::ValueEnum>::from_str(text, false).ok();
        if known.is_none() {
            let fact = format!("\"{text}\" must be stop, rollback or continue");
            self.report.error(Place::input("on_error"), fact);
        }
        known
    }

    fn vm(&mut self, index: usize, vm: &Vm) -> DesiredVm {
        let place = |field: &str| format!("vms[{index}].{field}");
        if !is_dns_name(&vm.name) {
            // PVE: facts 14.
            let fact = format!("\"{}\" must be a DNS name: letters, digits, `-` and `.`", vm.name);
            self.report.error(Place::input(place("name")), fact);
        }
        let vmid = vm.vmid.and_then(|number| {
            let made = Vmid::new(u64::from(number));
            if made.is_err() {
                let fact = format!("{number} must be {}", Vmid::RULE);
                self.report.error(Place::input(place("vmid")), fact);
            }
            made.ok()
        });
        let machine = if self.purpose == Purpose::Apply { self.machine(index, vm) } else { None };
        self.node(index, vm);
        DesiredVm {
            index,
            name: vm.name.clone(),
            vmid,
            node_is_written: vm.node.is_some(),
            parent: vm.parent.clone(),
            address: fixed_address(&vm.ip),
            machine,
        }
    }

    /// One document makes VMs on one node.
    fn node(&mut self, index: usize, vm: &Vm) {
        let head = &self.deployment.node;
        if let Some(node) = vm.node.as_ref().filter(|node| *node != head) {
            let fact = format!("\"{node}\" must be the document's node, \"{head}\"");
            self.report.error(Place::input(format!("vms[{index}].node")), fact);
        }
    }

    fn machine(&mut self, index: usize, vm: &Vm) -> Option<Machine> {
        let place = |field: &str| format!("vms[{index}].{field}");
        // PVE: facts 14: memory >= 16.
        let cores = self.range(place("cores"), vm.cores, 1, 8192);
        let memory = self.range(place("memory"), vm.memory, 16, 4_178_944);
        let disk = self.range(place("disk"), vm.disk, 1, 131_072);
        let storage = match &vm.datastore {
            Some(own) => self.parse(place("datastore"), own, StorageId::RULE),
            None => self.parse("datastore".into(), &self.deployment.datastore, StorageId::RULE),
        };
        let nic = self.nic(index, vm);
        let tags = self.tags(index, vm);
        let startup = self.startup(index, vm);
        let image = self.image(index, vm);
        let seed = self.seed(index, vm);
        Some(Machine {
            image: image?,
            storage: storage?,
            cores: cores?,
            memory_mib: memory?,
            disk_gib: disk?,
            nic: nic?,
            tags,
            startup,
            seed: seed?,
        })
    }

    fn nic(&mut self, index: usize, vm: &Vm) -> Option<Nic> {
        let place = |field: &str| Place::input(format!("vms[{index}].{field}"));
        if !is_interface(&vm.bridge) {
            let fact = format!("\"{}\" must be the name of a bridge or vnet", vm.bridge);
            self.report.error(place("bridge"), fact);
            return None;
        }
        if let Some(tag) = vm.vlan.filter(|tag| !(1..=4094).contains(tag)) {
            self.report.error(place("vlan"), format!("{tag} must be from 1 to 4094"));
        }
        if !vm.mac.is_empty() && !is_unicast_mac(&vm.mac) {
            let fact = format!("\"{}\" must be a unicast MAC, as 02:00:00:00:00:01", vm.mac);
            self.report.error(place("mac"), fact);
        }
        let mac = Some(vm.mac.to_ascii_uppercase()).filter(|mac| !mac.is_empty());
        Some(Nic { bridge: vm.bridge.clone(), vlan: vm.vlan, mac })
    }

    fn tags(&mut self, index: usize, vm: &Vm) -> BTreeSet<String> {
        for tag in vm.tags.iter().filter(|tag| !is_tag(tag)) {
            let fact = format!("tag \"{tag}\" must hold letters, digits, `_`, `-`, `+` and `.`");
            self.report.error(Place::input(format!("vms[{index}].tags")), fact);
        }
        // Ours is written with each mark: it is nobody's to take away.
        vm.tags.iter().filter(|tag| !tag.eq_ignore_ascii_case(TAG)).cloned().collect()
    }

    fn startup(&mut self, index: usize, vm: &Vm) -> Option<Startup> {
        let text = vm.startup.as_ref()?;
        let startup = Startup::parse(text);
        if startup.is_none() {
            let fact = format!("\"{text}\" must be {}", Startup::RULE);
            self.report.error(Place::input(format!("vms[{index}].startup")), fact);
        }
        startup
    }

    fn image(&mut self, index: usize, vm: &Vm) -> Option<Image> {
        let place = Place::input(format!("vms[{index}].image"));
        if vm.image.is_empty() {
            self.report.error(place, "is missing");
            return None;
        }
        let Some(text) = self.deployment.images.get(&vm.image) else {
            // Whether that matters is known only when the world is: an existing VM needs no image.
            return Some(Image { name: vm.image.clone(), volid: None });
        };
        let place = Place::input(format!("images.{}", vm.image));
        match Volid::from_str(text) {
            Ok(volid) if volid.content() == Some("iso") => {
                self.report.push(iso_image(place, text));
                None
            }
            Ok(volid) => Some(Image { name: vm.image.clone(), volid: Some(volid) }),
            Err(bad) => {
                self.report.error(place, bad.to_string());
                None
            }
        }
    }

    fn seed(&mut self, index: usize, vm: &Vm) -> Option<Seed> {
        let (Some(user_data), Some(meta_data), Some(fingerprint)) =
            (&vm.user_data, &vm.meta_data, &vm.seed_fingerprint)
        else {
            let missing = match (&vm.user_data, &vm.meta_data) {
                (None, _) => "user_data",
                (_, None) => "meta_data",
                _ => "seed_fingerprint",
            };
            let place = Place::input(format!("vms[{index}].{missing}"));
            let entry = Entry::error(place, "is missing");
            self.report.push(entry.hint("put `cloudinit-render` into the pipe before pve-apply"));
            return None;
        };
        if !is_fingerprint(fingerprint) {
            let place = Place::input(format!("vms[{index}].seed_fingerprint"));
            self.report.error(place, "must be one word of letters and digits");
        }
        if let Some(problem) = rendered::problem(self.deployment, &self.inputs, index, vm) {
            self.report.push(problem);
        }
        Some(Seed {
            user_data: user_data.clone(),
            meta_data: meta_data.clone(),
            network_config: vm.network_config.clone().unwrap_or_default(),
            vendor_data: vm.vendor_data.clone().unwrap_or_default(),
            fingerprint: fingerprint.clone(),
        })
    }

    fn unique(&mut self, vms: &[DesiredVm]) {
        let mut names = BTreeMap::new();
        let mut vmids = BTreeMap::new();
        for vm in vms {
            if let Some(first) = names.insert(vm.name.to_lowercase(), vm.index) {
                let fact = format!("\"{}\" is the name of vms[{first}] too", vm.name);
                self.report.error(Place::input(format!("vms[{}].name", vm.index)), fact);
            }
            if let Some(vmid) = vm.vmid
                && let Some(first) = vmids.insert(vmid, vm.index)
            {
                let fact = format!("{vmid} is the vmid of vms[{first}] too");
                self.report.error(Place::input(format!("vms[{}].vmid", vm.index)), fact);
            }
        }
    }

    fn parents(&mut self, vms: &[DesiredVm]) {
        let parent_of: BTreeMap<_, _> =
            vms.iter().map(|vm| (vm.name.as_str(), vm.parent.as_deref())).collect();
        for vm in vms {
            let Some(parent) = &vm.parent else { continue };
            let place = Place::input(format!("vms[{}].parent", vm.index));
            if !parent_of.contains_key(parent.as_str()) {
                // A parent that is not in this document lives elsewhere: nothing to wait for.
                continue;
            }
            let up = |name: &&str| parent_of.get(name).copied().flatten();
            let chain = std::iter::successors(Some(parent.as_str()), up).take(vms.len());
            if chain.into_iter().any(|name| name == vm.name) {
                self.report
                    .error(place, format!("\"{parent}\" stands below \"{}\" itself", vm.name));
            }
        }
    }

    fn range(&mut self, field: String, value: Option<u32>, low: u32, high: u32) -> Option<u32> {
        let fact = match value {
            Some(number) if (low..=high).contains(&number) => return value,
            Some(number) => format!("{number} must be from {low} to {high}"),
            None => format!("is missing: a whole number from {low} to {high}"),
        };
        self.report.error(Place::input(field), fact);
        None
    }

    fn parse<T: FromStr<Err: Display>>(
        &mut self,
        field: String,
        text: &str,
        rule: &str,
    ) -> Option<T> {
        if text.is_empty() {
            self.report.error(Place::input(field), format!("is missing: {rule}"));
            return None;
        }
        text.parse()
            .map_err(|bad: T::Err| self.report.error(Place::input(field), bad.to_string()))
            .ok()
    }
}

/// The habit of older set-ups, refused by PVE only in the middle of a create.
fn iso_image(place: Place, volid: &str) -> Entry {
    // PVE: facts 17: `import-from` wants content `import` or `images`.
    Entry::error(
        place,
        format!("\"{volid}\" is of content `iso`; PVE makes disks from `import` only"),
    )
    .hint("name the image in `image_sources` and let `image-publish` put it there as import")
}

/// One word of a mark, without the signs that the mark puts around it.
fn is_fingerprint(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn fixed_address(ip: &str) -> Option<IpAddr> {
    ip.split_once('/').map_or(ip, |(address, _)| address).parse().ok()
}

fn is_dns_name(text: &str) -> bool {
    let label = |label: &str| {
        let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

fn is_interface(text: &str) -> bool {
    // Linux: IFNAMSIZ is 16 with the final zero.
    (1..=15).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

fn is_unicast_mac(text: &str) -> bool {
    let parts: Vec<_> = text.split(':').collect();
    let pair = |p: &&str| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit());
    let first = parts.first().and_then(|p| u8::from_str_radix(p, 16).ok());
    // The lowest bit of the first byte means a group of stations; PVE refuses it.
    parts.len() == 6 && parts.iter().all(pair) && first.is_some_and(|byte| byte & 1 == 0)
}

fn is_tag(text: &str) -> bool {
    // PVE: reference 5.
    let first = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.bytes().next().is_some_and(first) && text.bytes().all(|b| first(b) || b"-+.".contains(&b))
}
