//! Each reason's message and its way out. No way out ever advises to destroy a VM or
//! to remove our tag. Does no I/O.

use super::{BlockReason, Request};
use crate::ha;
use crate::mark::NotOurs;

impl BlockReason {
    /// Returns the fact; without a name for a line that already begins with it.
    #[expect(clippy::too_many_lines, reason = "a table: one arm for each reason")]
    pub(crate) fn fact(&self, name: Option<&str>) -> String {
        let subject = Subject(name);
        let vmid = |rest: &str| subject.of("the vmid", rest);
        let it = |rest: &str| subject.it(rest);
        let maybe = |rest: &str| format!("a VM that may be {} {rest}", subject.object());
        let of = |field: &str, rest: &str| subject.of(&format!("`{field}`"), rest);
        match self {
            Self::VmidTaken { by } => vmid(&taken_by(by.as_deref())),
            Self::NotOurs { is } => {
                format!("the VM in the place of {} is {}", subject.object(), is.text())
            }
            Self::OtherDocument { home, wanted } => it(&format!(
                "belongs to a document for node \"{home}\"; this one is for \"{wanted}\""
            )),
            Self::MustMigrate { from, wanted } => {
                it(&format!("is on node \"{from}\"; the document moves it to \"{wanted}\""))
            }
            Self::CannotMigrate { wanted, obstacle, .. } => {
                it(&format!("cannot migrate to node \"{wanted}\": {}", obstacle.fact(wanted)))
            }
            Self::VmidHidden => vmid("is in use by a guest that the token cannot see"),
            Self::NoVmidLeft => it("gets no vmid: all vmids of the range are in use"),
            Self::BeingCreated { .. } => maybe("is still being created by another run"),
            Self::UnfinishedClone => it("is an unfinished clone"),
            Self::Namesake { mac, .. } => {
                subject.of(&format!("a VM with the name and the MAC {mac}"), "is not ours")
            }
            Self::MarkedTwice { vmids } => {
                let list: Vec<_> = vmids.iter().map(u32::to_string).collect();
                it(&format!("exists more than once: {}", list.join(", ")))
            }
            Self::VmidDiffers { wanted, .. } => {
                it(&format!("exists with this vmid; the document says {wanted}"))
            }
            Self::AdoptElsewhere { wanted } => {
                it(&format!("is on this node; the document is for node \"{wanted}\""))
            }
            Self::UnknownNode { node, .. } => format!("the cluster has no node \"{node}\""),
            Self::NodeAway => subject.of("the node", "does not answer: the VM's state is unknown"),
            Self::Forbidden => {
                format!("the token cannot read {}: its state is unknown", subject.object())
            }
            Self::Moving => maybe("has just moved from this node to another"),
            Self::MayNotSeeAll => {
                it("has no `vmid`, and the token cannot see all VMs: it could exist unseen")
            }
            Self::NotThere => it("does not exist"),
            Self::AdoptNeedsVmid => it("has no `vmid`: it is unclear which VM to adopt"),
            Self::Locked { lock } => it(&format!("is locked ({lock})")),
            Self::IsTemplate => it("is a template"),
            Self::Protected => it("is protected against removal"),
            Self::DrivesProtected { slots } => {
                it(&format!("is protected, and would lose {}", slots.join(", ")))
            }
            Self::ImageMissing { image, volid } => image_missing(subject, image, volid.as_deref()),
            Self::TemplateUnusable { template, fault } => {
                it(&format!("cannot be cloned from {template}: {}", fault.fact()))
            }
            Self::DiskSmallerThanImage { field, wanted, image_bytes } => {
                let bytes = machine::shown_size(*image_bytes);
                of(field, &format!("is {wanted}, but its image needs {bytes}"))
            }
            Self::DiskWouldShrink { field, wanted, has } => {
                of(field, &format!("is {wanted}, but the VM has {has}; a disk cannot shrink"))
            }
            Self::DiskMissing { slot } => it(&format!("has no disk to boot from, such as {slot}")),
            Self::BootDiskUnclear { slots } => {
                it(&format!("may boot from any of several disks: {}", slots.join(", ")))
            }
            Self::BootDiskSaid { slot, boot } => {
                it(&format!("boots from {slot}, but the document lists that beside {boot}"))
            }
            Self::DiskGone { slot, unused: Some(unused) } => {
                of(slot, &format!("was detached and is now {unused}"))
            }
            Self::DiskGone { slot, unused: None } => of(slot, "existed and no longer does"),
            Self::DiskSizeMissing { slot } => of(slot, "does not exist, and no size is set"),
            Self::SlotTaken { slot, has } => {
                of(slot, &format!("already has something else: {has}"))
            }
            Self::SlotIsSeed { slot } => of(slot, "has its cloud-init data"),
            Self::OptionUnknown { slot, option } => {
                it(&format!("boots from {slot}, which has no option `{option}`"))
            }
            Self::NeedsDetach { slots } => it(&format!("would lose {}", slots.join(", "))),
            Self::NeedsMove { moves } => {
                subject.of("disks", &format!("would move: {}", moves.join(", ")))
            }
            Self::DescriptionTooLong { has: 0, .. } => {
                of("description", "has no room for a mark that names all that is set")
            }
            Self::DescriptionTooLong { has, left } => {
                of("description", &format!("has {has} characters; PVE leaves room for {left}"))
            }
            Self::NeverCreated => it("does not exist and is never created: it has `image: none`"),
            Self::NeedsReboot { fields } => {
                it(&format!("is running and needs a reboot for {}", fields.join(", ")))
            }
            Self::NeedsPowerOff { fields } => {
                it(&format!("is running and must be stopped for {}", fields.join(", ")))
            }
            Self::Halted { qmpstatus, request } => {
                it(&format!("{}: QEMU says \"{qmpstatus}\"", halted(request)))
            }
            Self::HaError { .. } => {
                it("is in the HA state \"error\": HA neither starts, stops nor migrates it")
            }
            Self::SeedDiskForeign { slot, has } => {
                subject.of(slot, &format!("is not one of our seed disks: {has}"))
            }
            Self::SeedRivals { keys } => {
                it(&format!("also gets cloud-init data from {}", keys.join(", ")))
            }
        }
    }

    /// Returns what to do about it.
    #[expect(clippy::too_many_lines, reason = "a table: one arm for each reason")]
    pub(crate) fn hint(&self) -> Option<String> {
        let text = match self {
            Self::VmidTaken { .. } => {
                "choose another `vmid`, or run `pve-apply adopt` if that guest is the one you mean"
            }
            Self::NotOurs { is } => return Some(not_ours_hint(is)),
            Self::OtherDocument { home, .. } => {
                return Some(format!(
                    "for a second set of VMs use resolve --deployment NAME; for the same ones --node {home}, \
                     or `node: {home}` in the env"
                ));
            }
            Self::UnknownNode { near, nodes, .. } => {
                let nodes = nodes.join(", ");
                return Some(match near {
                    Some(near) => format!("did you mean \"{near}\"? nodes of the cluster: {nodes}"),
                    None => format!("nodes of the cluster: {nodes}"),
                });
            }
            Self::MustMigrate { .. } => "--allow-migrate migrates it, live if it is running",
            Self::CannotMigrate { wanted, vmid, obstacle } => {
                return Some(obstacle.hint(wanted, *vmid));
            }
            Self::VmidHidden => "choose another `vmid`, or grant the token VM.Audit on /vms",
            Self::NoVmidLeft => "widen `defaults.vmid_range` in site.yaml, or give the VM a `vmid`",
            Self::BeingCreated { vmid } => {
                let way_out = way_out_of_lock(*vmid);
                return Some(format!(
                    "run again when that task has finished; if no task is running: {way_out}"
                ));
            }
            Self::UnfinishedClone => {
                "`pve-apply apply` creates it anew, if it is stopped; `pve-apply destroy` removes it"
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
            Self::VmidDiffers { has, .. } => {
                return Some(format!("set `vmid: {has}` in the YAML; a VM keeps its vmid"));
            }
            Self::AdoptElsewhere { .. } => "migrate it, or resolve for the node that has it",
            Self::NodeAway => "run again when the node is back",
            Self::Forbidden => "grant the token VM.Audit on /vms",
            Self::Moving => "run again when the move has finished",
            Self::MayNotSeeAll => "give the VM a `vmid`, or grant the token VM.Audit on /vms",
            Self::Locked { lock } if lock == "migrate" => {
                "run again when the migration has finished; if none is running, `qm unlock` on the node \
                 removes the lock"
            }
            Self::Locked { .. } => "run again when the lock is released",
            Self::IsTemplate => {
                "pve-apply leaves templates alone; `pve-apply release` gives up a VM that was made one"
            }
            Self::Protected => "disable `protection` in PVE if you really want to destroy it",
            Self::DrivesProtected { .. } => "set `protection` to false, or disable it in PVE",
            Self::ImageMissing { .. } => "add `image-publish` to the pipe before pve-apply",
            Self::TemplateUnusable { fault, .. } => return Some(fault.hint()),
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
                     then set it again"
                ));
            }
            Self::DiskSizeMissing { slot } => return Some(format!("set `{slot}.size`")),
            Self::SlotTaken { .. } => "use another slot, or free this one in PVE",
            Self::SlotIsSeed { .. } => "use another slot",
            Self::OptionUnknown { .. } => "remove the option from the YAML",
            Self::NeedsDetach { .. } => {
                "--allow-detach removes it; a disk stays as an unused disk, with its data"
            }
            Self::NeedsMove { .. } => "--allow-move moves them, even while the VM runs",
            Self::DescriptionTooLong { has: 0, .. } => {
                "set fewer options of the VM's devices in the YAML"
            }
            Self::DescriptionTooLong { .. } => "shorten it",
            Self::NeverCreated => {
                "create it in PVE and run `pve-apply adopt`, or give it an `image`"
            }
            Self::NeedsReboot { .. } => {
                "--allow-reboot reboots it; --pending writes the change and leaves the reboot to you"
            }
            Self::NeedsPowerOff { .. } => "--allow-stop shuts it down and starts it again",
            Self::Halted { request, .. } => halted_hint(request),
            Self::HaError { vmid } => return Some(ha::way_out(*vmid)),
            Self::SeedDiskForeign { slot, .. } => {
                return Some(format!("free {slot} in PVE, then run again"));
            }
            Self::SeedRivals { .. } => {
                "remove that in PVE, then run again; what the YAML sets to null is removed for you"
            }
            Self::AdoptNeedsVmid => "set the `vmid` of the VM to adopt",
            Self::NotThere => return None,
        };
        Some(text.to_owned())
    }
}

/// Returns how root removes what a killed create or clone has left: nobody else can unlock it.
// PVE: facts-4, 33 to 36: volumes that were being copied are in no config.
pub(crate) fn way_out_of_lock(vmid: u32) -> String {
    format!(
        "`qm unlock {vmid}` and `qm destroy {vmid} --destroy-unreferenced-disks 1` on the node remove it, \
         with every volume of that vmid on its storages"
    )
}

/// Returns what a VM with a halted guest cannot do.
fn halted(request: &Request) -> String {
    match request {
        Request::Start => "is on, but its guest is halted".to_owned(),
        Request::Stop => "cannot shut down".to_owned(),
        Request::Reboot => "cannot reboot".to_owned(),
        Request::Change { fields } => format!("cannot reboot for {}", fields.join(", ")),
    }
}

// PVE: API2/Qemu.pm, vm_shutdown: with `forceStop` a paused VM is stopped.
fn halted_hint(request: &Request) -> &'static str {
    match request {
        Request::Start => "resume it in PVE; or run `pve-apply stop --force`, then start it",
        Request::Stop => "resume it in PVE, or cut its power with --force",
        Request::Reboot => "resume it in PVE, or cut its power and start it with --force",
        Request::Change { .. } => {
            "resume it in PVE; --allow-stop cuts its power and starts it again; \
             --pending writes the change only"
        }
    }
}

fn not_ours_hint(not_ours: &NotOurs) -> String {
    let text = match not_ours {
        NotOurs::Untagged { .. } => {
            "`pve-apply adopt` restores the tag, if this is the VM you mean"
        }
        NotOurs::Earlier { .. } => "`pve-apply adopt` takes it over, if it is this site's",
        NotOurs::OtherSite { site, .. } if site.is_empty() => {
            "`pve-apply adopt` takes it over, if it is this site's"
        }
        NotOurs::OtherSite { site, .. } => {
            return format!(
                "resolve --deployment NAME gives a separate set of VMs; \
                 `pve-apply adopt --from-site {site}`, if that was this site's name"
            );
        }
        NotOurs::Later { .. } => "update pve-apply",
        NotOurs::Broken => "leave only one line of pve-apply in its description",
        NotOurs::Clone { .. } | NotOurs::Restored { .. } => {
            "choose another `vmid`, or run `pve-apply adopt` if this copy should be managed"
        }
        NotOurs::ImageTemplate { .. } => {
            "choose another `vmid`; `image-publish list` shows the templates of images, \
             `image-publish remove` and `image-publish prune` remove them"
        }
        NotOurs::Unmarked | NotOurs::OtherKind { .. } | NotOurs::OtherDeployment { .. } => {
            "choose another `vmid`"
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

fn image_missing(subject: Subject<'_>, image: &str, volid: Option<&str>) -> String {
    let rest = match volid {
        Some(volid) => format!("does not exist: {volid}"),
        None => "is not in the document's `images`".to_owned(),
    };
    subject.of(&format!("image \"{image}\""), &rest)
}

/// The VM that a fact is about; no name where the line already begins with it.
#[derive(Clone, Copy)]
struct Subject<'a>(Option<&'a str>);

impl Subject<'_> {
    /// Returns a fact about the VM.
    fn it(self, rest: &str) -> String {
        self.0.map_or_else(|| rest.to_owned(), |name| format!("\"{name}\" {rest}"))
    }

    /// Returns a fact about a part of the VM.
    fn of(self, part: &str, rest: &str) -> String {
        let of = self.0.map(|name| format!(" of \"{name}\"")).unwrap_or_default();
        format!("{part}{of} {rest}")
    }

    /// Returns the VM as the object of a sentence.
    fn object(self) -> String {
        self.0.map_or_else(|| "it".to_owned(), |name| format!("\"{name}\""))
    }
}
