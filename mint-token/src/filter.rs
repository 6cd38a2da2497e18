//! Finds the VMs of a document that need a token, and sets it. Does no I/O.

use crate::token::{Minter, Validity};
use stage::{Document, Failure, Fields, Place, Report};

/// A VM that needs a token.
pub(crate) struct Due {
    name: String,
    spec: String,
    /// Where the VM is in the document.
    pub(crate) place: Place,
}

/// The claim `s` of a VM that has a boot scenario and no spec: the server gives it the site's
/// configuration instead.
const CONFIG: &str = "config";

/// Returns an entry for each VM, with the details of those that need a token: VMs with a `spec` or a
/// `boot_scenario` in a document with a `spec_server`.
///
/// Reads and checks only these fields; other stages check the rest of the document.
pub(crate) fn due(document: &Document) -> Result<Vec<Option<Due>>, Failure> {
    let mut report = Report::new();
    let mut fields = Fields::new(document.json(), "", &mut report);
    let served = fields.text("spec_server").is_some_and(|server| !server.is_empty());
    let vms = fields.each("vms", |vm| {
        let mut set = |field| vm.text(field).filter(|text| served && !text.is_empty());
        let (spec, scenario) = (set("spec"), set("boot_scenario"));
        let field = if spec.is_some() { "spec" } else { "boot_scenario" };
        let spec = spec.or(scenario.map(|_| CONFIG.to_owned()))?;
        let name = vm.text("name").unwrap_or_default();
        if name.is_empty() {
            vm.problem(
                "missing-field",
                "name",
                format!("is required: the token of a VM with a `{field}` contains it"),
            );
        }
        Some(Due { name, spec, place: vm.place(field) })
    });
    if report.has_errors() { Err(report.into()) } else { Ok(vms) }
}

/// Sets `auth_token` of each VM: a token if it needs one, else an empty string.
pub(crate) fn fill(
    document: &mut Document,
    due: &[Option<Due>],
    minter: &Minter<'_>,
    times: Validity,
) {
    for (index, due) in due.iter().enumerate() {
        let token = due.as_ref().map(|due| minter.mint(&due.name, &due.spec, times));
        document.set_in_vm(index, "auth_token", token.as_ref().map_or("", |token| token.expose()));
    }
}

/// Sets `auth_token` of each VM to an empty string: none needs one.
pub(crate) fn clear(document: &mut Document, vms: usize) {
    for index in 0..vms {
        document.set_in_vm(index, "auth_token", "");
    }
}
