//! `Context`: one of our VMs during its comparison. Does no I/O.

use super::find::Ours;
use super::intent::Intents;
use super::{boot_disk, seed};
use crate::blocked::BlockReason;
use crate::desired::{Definition, Desired, DesiredVm};
use crate::observed::{Config, Observed, Power};
use machine::{ConfigKey, Effect, Feature};
use pve_client::NodeName;

/// What is compared.
pub(super) struct Context<'a> {
    pub(super) desired: &'a Desired,
    pub(super) vm: &'a DesiredVm,
    pub(super) definition: &'a Definition,
    pub(super) ours: &'a Ours<'a>,
    pub(super) observed: &'a Observed,
    pub(super) intents: Intents<'a>,
    /// The slot of the boot disk, or why it is unknown.
    pub(super) boot: Result<ConfigKey, BlockReason>,
    /// The slot of the seed, or the one that it would get.
    pub(super) seed: String,
}

impl<'a> Context<'a> {
    /// One of our VMs during its comparison.
    pub(super) fn of(
        desired: &'a Desired,
        vm: &'a DesiredVm,
        definition: &'a Definition,
        ours: &'a Ours<'a>,
        observed: &'a Observed,
    ) -> Self {
        let boot = boot_disk::of(&ours.seen.config, definition, &ours.mark);
        let key = boot.clone().unwrap_or(definition.boot);
        let intents = Intents::of(definition, &ours.mark.owns, key);
        let seed = seed::slot_of(&ours.mark, definition, &ours.seen.config);
        Self { desired, vm, definition, ours, observed, intents, boot, seed }
    }

    /// Returns the VM's config.
    pub(super) fn config(&self) -> &Config {
        &self.ours.seen.config
    }

    /// Returns the node that has the VM once it is where the document wants it.
    pub(super) fn node_afterwards(&self) -> &'a NodeName {
        self.ours.node_afterwards(self.vm)
    }

    /// Returns whether a slot has the boot disk.
    pub(super) fn is_boot(&self, key: ConfigKey) -> bool {
        self.boot.as_ref() == Ok(&key)
    }

    /// Returns whether a slot is where the VM's seed is.
    pub(super) fn is_seed(&self, slot: &str) -> bool {
        seed::slot(&self.ours.mark) == Some(slot)
    }

    /// Returns what of the seed data differs from what the VM was given; `None`: nothing.
    pub(super) fn seed_changes(&self) -> Option<Vec<String>> {
        seed::changes(&self.ours.mark, self.definition, self.config(), &self.seed)
    }

    /// Returns whether the VM runs.
    pub(super) fn runs(&self) -> bool {
        self.ours.seen.power == Power::Running
    }

    /// Returns whether HA is about to start the VM.
    pub(super) fn is_starting(&self) -> bool {
        !self.runs() && self.ours.seen.coming_power() == Power::Running
    }

    /// Returns whether HA is about to stop the VM.
    pub(super) fn is_stopping(&self) -> bool {
        self.runs() && self.ours.seen.coming_power() == Power::Stopped
    }

    /// Returns the reason for resetting an option that is no longer set.
    pub(super) fn reset_reason(&self) -> String {
        format!("no longer set; last set by run {}", self.ours.mark.run)
    }

    /// Returns whether a running VM takes a change at once.
    pub(super) fn is_live(&self, effect: Effect) -> bool {
        match effect {
            Effect::Live | Effect::Grow | Effect::AtCreate => true,
            Effect::Restart => false,
            Effect::Plug(feature) => plugs(self.config().now("hotplug"), feature),
        }
    }
}

/// Returns whether a VM takes a kind of device while it runs.
pub(super) fn plugs(hotplug: Option<&str>, feature: Feature) -> bool {
    // PVE: qemu-server, QemuServer.pm, parse_hotplug_features: `1` equals the default.
    let words = match hotplug {
        None | Some("1") => "network,disk,usb",
        Some(words) => words,
    };
    let word = match feature {
        Feature::Network => "network",
        Feature::Disk => "disk",
        Feature::Usb => "usb",
        Feature::Cpu => "cpu",
        Feature::Memory => "memory",
    };
    words.split([',', ';', ' ']).any(|known| known == word)
}
