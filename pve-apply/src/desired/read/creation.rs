//! Reads how a VM of the document is created. Does no I/O.

use super::Reader;
use crate::desired::{Creation, Source, TemplateId};
use machine::{Settings, boot_storage};
use pve_client::{StorageId, Vmid};
use stage::{CloneFrom, Place, Template, Vm};

impl Reader<'_> {
    /// Returns how a VM is created; the outer `None` if the document does not say it well.
    pub(super) fn creation(
        &mut self,
        index: usize,
        vm: &Vm,
        explicit: &Settings,
        storage: Option<&StorageId>,
    ) -> Option<Creation> {
        if let Some(from) = &vm.clone_from {
            return self.clone_from(index, from);
        }
        if vm.create.is_import() || vm.image == Vm::NO_IMAGE {
            return Some(Creation::Import { instead: None });
        }
        let storage = boot_storage(vm, explicit).or(storage.map(StorageId::as_str))?;
        let node = self.deployment.node_of(vm);
        let is_of = |row: &&Template| {
            (row.image.as_str(), row.node.as_str(), row.storage.as_str())
                == (&vm.image, node, storage)
        };
        let Some((row, template)) =
            self.deployment.templates.iter().enumerate().find(|(_, template)| is_of(template))
        else {
            let instead = Some(format!("{storage} of {node} has no template of it"));
            return Some(Creation::Import { instead });
        };
        if let (None, Some(reason)) = (template.vmid, &template.reason) {
            return Some(Creation::Import { instead: Some(reason.clone()) });
        }
        let vmid = match template.vmid {
            Some(number) => Some(self.vmid_of_template(format!("templates[{row}].vmid"), number)?),
            None => None,
        };
        Some(Creation::Clone(Source::OfImage(vmid)))
    }

    fn clone_from(&mut self, index: usize, from: &CloneFrom) -> Option<Creation> {
        let field = format!("vms[{index}].clone_from");
        let template = match (from.vmid, &from.name) {
            (Some(number), None) => {
                TemplateId::Vmid(self.vmid_of_template(format!("{field}.vmid"), number)?)
            }
            (None, Some(name)) => TemplateId::Name(name.clone()),
            _ => {
                let fact = "must have either `vmid` or `name`";
                self.report.error("invalid-value", Place::input(field), fact);
                return None;
            }
        };
        Some(Creation::Clone(Source::Theirs { template, full: from.full }))
    }

    fn vmid_of_template(&mut self, field: String, number: u32) -> Option<Vmid> {
        let vmid = Vmid::new(u64::from(number));
        if vmid.is_err() {
            let fact = format!("{number} must be {}", Vmid::RULE);
            self.report.error("invalid-value", Place::input(field), fact);
        }
        vmid.ok()
    }
}
