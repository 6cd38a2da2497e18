//! Plans a VM that does not exist, in the way in which it is created. Does no I/O.

use super::origin::{self, Origin};
use super::{blocked, brought, clone, import};
use crate::action::Plan;
use crate::blocked::BlockReason;
use crate::desired::{Definition, Desired, DesiredVm};
use crate::observed::Observed;

/// Plans a VM that does not exist.
pub(super) fn plan_one(
    plan: &mut Plan,
    desired: &Desired,
    vm: &DesiredVm,
    definition: &Definition,
    observed: &Observed,
) {
    let mut stop = |reasons: Vec<BlockReason>| {
        let reasons = reasons.into_iter();
        plan.blocked.extend(reasons.map(|why| blocked(vm, vm.vmid, &vm.node, why)));
    };
    match origin::of(desired, vm, definition, observed) {
        Err(reasons) => stop(reasons),
        Ok(Origin::Template(template)) => match brought::definition(definition, &template) {
            Ok(definition) => {
                clone::plan_one(plan, desired, vm, &definition, observed, &template);
            }
            Err(reasons) => stop(reasons),
        },
        Ok(Origin::Image { instead }) => {
            let how = instead.map(|reason| format!("import ({reason})"));
            import::plan_one(plan, desired, vm, definition, observed, how);
        }
        Ok(Origin::Pending) => {
            let how = Some("linked clone (template to be made)".to_owned());
            import::plan_one(plan, desired, vm, definition, observed, how);
        }
    }
}
