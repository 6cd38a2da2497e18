//! What a migration needs besides what every VM needs. Does no I/O.

use super::Need;
use machine::token::{MIGRATE, ON_DISKS};

/// Returns what a migration of the VM on a path needs; `map` is PVE's `targetstorage`, as `from:to` pairs.
// PVE: facts-3 4.4: a map needs more than a migration to the same storages.
pub(super) fn needs(path: &str, map: Option<&str>) -> Vec<Need> {
    let on_vm = |privilege| Need { path: path.to_owned(), privilege };
    let mut needs = vec![on_vm(MIGRATE)];
    needs.extend(map.map(|_| on_vm("VM.Config.Disk")));
    let pairs = map.into_iter().flat_map(|map| map.split(','));
    for storage in pairs.filter_map(|pair| Some(pair.split_once(':')?.1)) {
        let path = format!("/storage/{storage}");
        needs.extend(ON_DISKS.map(|privilege| Need { path: path.clone(), privilege }));
    }
    needs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(map: Option<&str>, expected: &[(&str, &str)]) {
        let found = needs("/vms/100", map);
        let found: Vec<_> = found.iter().map(|need| (need.path.as_str(), need.privilege)).collect();
        assert_eq!(found, expected, "{map:?}");
    }

    #[test]
    fn a_map_of_storages_needs_more() {
        check(None, &[("/vms/100", "VM.Migrate")]);
        check(
            Some("a:b,c:d"),
            &[
                ("/vms/100", "VM.Migrate"),
                ("/vms/100", "VM.Config.Disk"),
                ("/storage/b", "Datastore.AllocateSpace"),
                ("/storage/d", "Datastore.AllocateSpace"),
            ],
        );
    }
}
