//! Plans that `pve-apply apply --plan` reads from a file.

use crate::document::is_well_placed;
use pve_apply::memory::plan_again;

/// The input is a plan.
///
/// A plan that is accepted is printed in one way, which is read as itself; one that is refused has a finding with its
/// file, and a cause unless it is of another version.
pub fn plan(bytes: &[u8]) {
    match plan_again(bytes) {
        Ok(printed) => assert_eq!(plan_again(&printed).unwrap(), printed),
        Err(failure) => {
            is_well_placed(failure.report());
            for entry in failure.report().entries() {
                assert_eq!(entry.place.to_string(), "plan.json");
                assert!(entry.code == "plan-version" || !entry.causes.is_empty(), "{entry:?}");
            }
        }
    }
}
