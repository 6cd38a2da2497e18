//! Checks whether a VM's seed matches the document. Does no I/O.
//!
//! Whoever changes a field after cloudinit-render, such as the name by jq, would get a VM whose seed
//! still has the old value.

use stage::{Deployment, Entry, Place, SeedInputs, Vm};

/// Returns what is wrong with the seed of the VM at `index`, which has this user-data.
///
/// A document without `seed_inputs` was rendered by hand: there is nothing to compare.
pub(super) fn problem(
    deployment: &Deployment,
    inputs: &SeedInputs,
    index: usize,
    vm: &Vm,
) -> Option<Entry> {
    let rendered_from = vm.seed_inputs.as_ref()?;
    if lacks_token(deployment, vm) {
        let place = Place::input(format!("vms[{index}].auth_token"));
        let fact = format!("the seed of \"{}\" does not have this token", vm.name);
        return Some(
            Entry::error("stale-seed", place, fact)
                .hint("run `mint-token` before cloudinit-render"),
        );
    }
    if *rendered_from != inputs.of(vm) {
        let place = Place::input(format!("vms[{index}]"));
        let fact = format!("\"{}\" was changed after cloudinit-render rendered its seed", vm.name);
        let hint = "run `cloudinit-render` after everything else that changes the document";
        return Some(Entry::error("stale-seed", place, fact).hint(hint));
    }
    None
}

/// A token with other characters than mint-token's is quoted in the seed, and is not searched for;
/// user-data written by hand has nothing of ours.
fn lacks_token(deployment: &Deployment, vm: &Vm) -> bool {
    if vm.custom_user_data.is_some() {
        return false;
    }
    let token = vm.auth_token.expose();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let user_data = vm.user_data.as_ref().map_or("", |text| text.expose());
    !deployment.spec_server.is_empty() && token.bytes().all(plain) && !user_data.contains(token)
}
