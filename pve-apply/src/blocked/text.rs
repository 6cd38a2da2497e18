//! What each reason says, and the way out that it names. No way out ever advises to destroy a VM, or
//! to take our tag away. Does no I/O.

use super::{Why, Wish};
use crate::mark::Stranger;

impl Why {
    /// What is so.
    #[expect(clippy::too_many_lines, reason = "a table: one arm for each reason")]
    pub(crate) fn fact(&self, name: &str) -> String {
        let vmid = |rest: &str| format!("the vmid of \"{name}\" {rest}");
        let it = |rest: &str| format!("\"{name}\" {rest}");
        let maybe = |rest: &str| format!("what may be \"{name}\" {rest}");
        let of = |field: &str, rest: &str| format!("`{field}` of \"{name}\" {rest}");
        match self {
            Self::VmidTaken { by } => vmid(&taken_by(by.as_deref())),
            Self::NotOurs { is } => format!("the VM at the place of \"{name}\" is {}", is.text()),
            Self::OtherDocument { home, wanted } => it(&format!(
                "belongs to a document for node \"{home}\", and this one is for \"{wanted}\""
            )),
            Self::MustMigrate { home, wanted } => {
                it(&format!("is on node \"{home}\", and the document moves it to \"{wanted}\""))
            }
            Self::VmidHidden => vmid("is in use, and the token cannot see by what"),
            Self::NoVmidLeft => it("gets no vmid: every one of the range is in use"),
            Self::BeingCreated => maybe("is being created by another run"),
            Self::Namesake { mac, .. } => {
                format!("this VM has the name and the MAC {mac} of \"{name}\", and is not ours")
            }
            Self::MarkedTwice { vmids } => {
                let list: Vec<_> = vmids.iter().map(u32::to_string).collect();
                it(&format!("is there more than once: {}", list.join(", ")))
            }
            Self::VmidDiffers { wanted } => {
                it(&format!("exists with this vmid, the document says {wanted}"))
            }
            Self::AdoptElsewhere { wanted } => {
                it(&format!("is on this node, and the document is for node \"{wanted}\""))
            }
            Self::NodeAway => {
                format!("the node of \"{name}\" does not answer: its state is not known")
            }
            Self::Forbidden => format!("the token cannot read \"{name}\": its state is not known"),
            Self::Moving => maybe("was on this node a moment ago, and is elsewhere now"),
            Self::MayNotSeeAll => {
                it("has no `vmid`, and the token cannot see all VMs: it could exist unseen")
            }
            Self::NotThere => it("does not exist"),
            Self::AdoptNeedsVmid => it("has no `vmid`, so it is not clear which VM to adopt"),
            Self::Locked { lock } => it(&format!("is locked ({lock})")),
            Self::IsTemplate => it("is a template"),
            Self::Protected => it("is protected against removal"),
            Self::DrivesProtected { slots } => {
                it(&format!("is protected, and would lose {}", slots.join(", ")))
            }
            Self::ImageMissing { image, volid } => image_missing(name, image, volid.as_deref()),
            Self::DiskSmallerThanImage { field, wanted, image_bytes } => {
                let bytes = machine::shown_size(*image_bytes);
                of(field, &format!("is {wanted}, its image needs {bytes}"))
            }
            Self::DiskWouldShrink { field, wanted, has } => {
                of(field, &format!("is {wanted}, the VM has {has}; a disk must not shrink"))
            }
            Self::DiskMissing { slot } => it(&format!("has no disk to boot from, such as {slot}")),
            Self::BootDiskUnclear { slots } => {
                it(&format!("does not say which disk it boots from: {}", slots.join(", ")))
            }
            Self::BootDiskSaid { slot, boot } => {
                it(&format!("boots from {slot}, which the document says beside {boot}"))
            }
            Self::DiskGone { slot, unused: Some(unused) } => {
                of(slot, &format!("was taken off and lies as {unused}"))
            }
            Self::DiskGone { slot, unused: None } => of(slot, "was there and is not any more"),
            Self::DiskSizeMissing { slot } => of(slot, "is not there, and its size is not said"),
            Self::SlotTaken { slot, has } => of(slot, &format!("holds something else: {has}")),
            Self::SlotIsSeed { slot } => of(slot, "holds its cloud-init data"),
            Self::OptionUnknown { slot, option } => {
                it(&format!("boots from {slot}, which has no option `{option}`"))
            }
            Self::NeedsDetach { slots } => it(&format!("would lose {}", slots.join(", "))),
            Self::NeedsMove { moves } => {
                format!("disks of \"{name}\" would move: {}", moves.join(", "))
            }
            Self::DescriptionTooLong { has: 0, .. } => {
                of("description", "has no room for a mark that names all that is set")
            }
            Self::DescriptionTooLong { has, left } => {
                of("description", &format!("has {has} characters, PVE leaves room for {left}"))
            }
            Self::NeverCreated => it("does not exist, and is never created: its `image` is none"),
            Self::NeedsReboot { fields } => {
                it(&format!("runs, and needs a reboot for {}", fields.join(", ")))
            }
            Self::NeedsPowerOff { fields } => {
                it(&format!("runs, and must be off for {}", fields.join(", ")))
            }
            Self::Halted { qmpstatus, wish } => {
                it(&format!("{}: QEMU says \"{qmpstatus}\"", halted(wish)))
            }
            Self::SeedDiskForeign { slot, has } => {
                format!("{slot} of \"{name}\" is not a seed disk of ours: {has}")
            }
            Self::SeedRivals { keys } => {
                it(&format!("gets cloud-init data from {} as well", keys.join(", ")))
            }
        }
    }

    /// What to do about it.
    #[expect(clippy::too_many_lines, reason = "a table: one arm for each reason")]
    pub(crate) fn way_out(&self) -> Option<String> {
        let text = match self {
            Self::VmidTaken { .. } => {
                "give the VM another `vmid`; or `pve-apply adopt`, if the guest there is the one meant"
            }
            Self::NotOurs { is } => return Some(way_out_of(is)),
            Self::OtherDocument { home, .. } => {
                return Some(format!(
                    "for a second set of VMs: resolve --deployment NAME; for the same ones: --node {home}, \
                     or `node: {home}` in the env"
                ));
            }
            Self::MustMigrate { wanted, .. } => {
                return Some(format!("migrate it to {wanted} in PVE, then run again"));
            }
            Self::VmidHidden => "give the VM another `vmid`, or the token VM.Audit on /vms",
            Self::NoVmidLeft => "widen `defaults.vmid_range` in site.yaml, or give the VM a `vmid`",
            Self::BeingCreated => {
                "run again when that task has ended; if no task runs, `qm unlock` and `qm destroy` on the node clear it"
            }
            Self::Namesake { vmid, .. } => {
                return Some(format!(
                    "if it is the VM that is meant, set `vmid: {vmid}` and run `pve-apply adopt`; \
                     else give one of the two another name"
                ));
            }
            Self::MarkedTwice { vmids } => {
                let vmid = vmids.last().copied().unwrap_or_default();
                return Some(format!(
                    "keep one: `pve-apply destroy --vmid {vmid}` removes the VM with that vmid"
                ));
            }
            Self::VmidDiffers { .. } => "set that `vmid` in the document",
            Self::AdoptElsewhere { .. } => "migrate it, or resolve for the node that has it",
            Self::NodeAway => "run again when the node is back",
            Self::Forbidden => "give the token VM.Audit on /vms",
            Self::Moving => "run again when it has arrived",
            Self::MayNotSeeAll => "give the VM a `vmid`, or the token VM.Audit on /vms",
            Self::Locked { .. } => "run again when the lock is gone",
            Self::IsTemplate => "give the VM another `vmid`",
            Self::Protected => "switch off `protection` in PVE if it is really to go",
            Self::DrivesProtected { .. } => "set `protection` to false, or switch it off in PVE",
            Self::ImageMissing { .. } => "put `image-publish` into the pipe before pve-apply",
            Self::DiskSmallerThanImage { field, .. } => {
                return Some(format!("make `{field}` larger"));
            }
            Self::DiskWouldShrink { field, has, .. } => {
                return Some(format!("set `{field}` to {has}"));
            }
            Self::DiskMissing { .. } => "attach its boot disk in PVE, then run again",
            Self::BootDiskUnclear { .. } => "name its disk in the boot order, in PVE or by `boot`",
            Self::BootDiskSaid { slot, .. } => {
                return Some(format!("set `boot_disk` to {slot}, or the boot order in PVE"));
            }
            Self::DiskGone { slot, .. } => {
                return Some(format!(
                    "attach it as {slot} again in PVE; for a new disk, set `{slot}` to null, apply, \
                     then say it again"
                ));
            }
            Self::DiskSizeMissing { slot } => return Some(format!("set `{slot}.size`")),
            Self::SlotTaken { .. } => "use another slot, or free this one in PVE",
            Self::SlotIsSeed { .. } => "use another slot",
            Self::OptionUnknown { .. } => "take the option out of the YAML",
            Self::NeedsDetach { .. } => {
                "--allow-detach takes it off; a disk stays as an unused one, with its data"
            }
            Self::NeedsMove { .. } => "--allow-move moves them, while the VM runs too",
            Self::DescriptionTooLong { has: 0, .. } => "say less of the VM's devices in the YAML",
            Self::DescriptionTooLong { .. } => "shorten it",
            Self::NeverCreated => "make it in PVE and `pve-apply adopt` it, or give it an `image`",
            Self::NeedsReboot { .. } => {
                "--allow-reboot reboots it; --pending writes the change and leaves the reboot to you"
            }
            Self::NeedsPowerOff { .. } => "--allow-stop shuts it down and starts it again",
            Self::Halted { wish, .. } => way_out_of_halt(wish),
            Self::SeedDiskForeign { slot, .. } => {
                return Some(format!("free {slot} in PVE, then run again"));
            }
            Self::SeedRivals { .. } => {
                "take that away in PVE, then run again; what the YAML sets to null goes by itself"
            }
            Self::AdoptNeedsVmid => "set the `vmid` of the VM to adopt",
            Self::NotThere => return None,
        };
        Some(text.to_owned())
    }
}

/// What a VM whose guest does not run cannot do.
fn halted(wish: &Wish) -> String {
    match wish {
        Wish::Start => "is on, but its guest does not run".to_owned(),
        Wish::Stop => "cannot shut down".to_owned(),
        Wish::Reboot => "cannot reboot".to_owned(),
        Wish::Change { fields } => format!("cannot reboot for {}", fields.join(", ")),
    }
}

// PVE: API2/Qemu.pm, vm_shutdown: with `forceStop` a paused VM is stopped.
fn way_out_of_halt(wish: &Wish) -> &'static str {
    match wish {
        Wish::Start => "resume it in PVE; or `pve-apply stop --force`, then start it",
        Wish::Stop => "resume it in PVE, or cut its power with --force",
        Wish::Reboot => "resume it in PVE, or cut its power and start it with --force",
        Wish::Change { .. } => {
            "resume it in PVE; --allow-stop cuts its power and starts it again; \
             --pending writes the change only"
        }
    }
}

fn way_out_of(stranger: &Stranger) -> String {
    let text = match stranger {
        Stranger::Untagged { .. } => {
            "`pve-apply adopt` gives it the tag back, if it is the one meant"
        }
        Stranger::Earlier { .. } => "`pve-apply adopt` takes it over, if it is this site's",
        Stranger::OtherSite { site, .. } if site.is_empty() => {
            "`pve-apply adopt` takes it over, if it is this site's"
        }
        Stranger::OtherSite { site, .. } => {
            return format!(
                "resolve --deployment NAME makes a set of VMs of its own; \
                 `pve-apply adopt --from-site {site}`, if that was this site's name"
            );
        }
        Stranger::Later { .. } => "update pve-apply",
        Stranger::Broken => "leave one line of pve-apply's in its description",
        Stranger::Clone { .. } | Stranger::Restored { .. } => {
            "give the VM another `vmid`; or `pve-apply adopt`, if this copy is to be managed"
        }
        Stranger::Unmarked | Stranger::OtherKind { .. } | Stranger::OtherDeployment { .. } => {
            "give the VM another `vmid`"
        }
    };
    text.to_owned()
}

fn taken_by(guest: Option<&str>) -> String {
    match guest {
        Some(name) => format!("belongs to \"{name}\", which is not ours"),
        None => "belongs to a guest that is not ours".to_owned(),
    }
}

fn image_missing(name: &str, image: &str, volid: Option<&str>) -> String {
    match volid {
        Some(volid) => format!("image \"{image}\" of \"{name}\" is not there: {volid}"),
        None => format!("image \"{image}\" of \"{name}\" is not in the document's `images`"),
    }
}
