//! Which VMs of a document are due a token, and giving it to them. Does no I/O.

use crate::token::{Minter, Validity};
use stage::{Document, Failure, Fields, Place, Report};

/// A VM that is due a token.
pub(crate) struct Due {
    name: String,
    spec: String,
    /// Where the VM is in the document.
    pub(crate) place: Place,
}

/// Says for each VM whether it is due a token: it has a spec, and there is a server to ask.
///
/// Reads three fields and judges nothing else: the rest of the document is others' to judge.
pub(crate) fn due(document: &Document) -> Result<Vec<Option<Due>>, Failure> {
    let mut report = Report::new();
    let mut fields = Fields::new(document.json(), "", &mut report);
    let served = fields.text("spec_server").is_some_and(|server| !server.is_empty());
    let vms = fields.each("vms", |vm| {
        let spec = vm.text("spec").filter(|spec| served && !spec.is_empty())?;
        let name = vm.text("name").unwrap_or_default();
        if name.is_empty() {
            vm.problem("name", "is required: the token of a VM with a `spec` contains it");
        }
        Some(Due { name, spec, place: vm.place("spec") })
    });
    if report.has_errors() { Err(report.into()) } else { Ok(vms) }
}

/// Sets `auth_token` of each VM: a token where one is due, else an empty text.
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

/// Sets `auth_token` of each VM to an empty text: none is due one.
pub(crate) fn clear(document: &mut Document, vms: usize) {
    for index in 0..vms {
        document.set_in_vm(index, "auth_token", "");
    }
}
