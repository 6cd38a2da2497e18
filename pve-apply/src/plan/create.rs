//! Plans a VM that does not exist, in the way in which it is created. Does no I/O.

use super::new_vm::NewVm;
use super::origin::{self, Origin};
use super::{brought, clone, import};
use crate::action::Plan;

/// Plans a VM that does not exist.
pub(super) fn plan_one(plan: &mut Plan, new: NewVm<'_>) {
    match origin::of(new) {
        Err(reasons) => new.block(plan, reasons),
        Ok(Origin::Template(template)) => match brought::definition(new.definition, &template) {
            Ok(definition) => {
                clone::plan_one(plan, NewVm { definition: &definition, ..new }, &template);
            }
            Err(reasons) => new.block(plan, reasons),
        },
        Ok(Origin::Image { instead }) => {
            let how = instead.map(|reason| format!("import ({reason})"));
            import::plan_one(plan, new, how);
        }
        Ok(Origin::Pending) => {
            let how = Some("linked clone (template to be made)".to_owned());
            import::plan_one(plan, new, how);
        }
    }
}
