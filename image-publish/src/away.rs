//! What is reported about nodes that are offline. Does no I/O.

use std::collections::BTreeSet;

use stage::{Deployment, Entry, Place};

use crate::destination::{Destination, Destinations};
use crate::image_use;
use crate::wanted::Wanted;

/// How many VMs a message names.
const NAMED: usize = 3;

/// Returns a warning for each storage that is not reached, because its nodes are offline.
pub(crate) fn skipped(destinations: &Destinations) -> Vec<Entry> {
    let entry = |away: &Destination| {
        let fact = format!(
            "the node is offline, so its storage \"{}\" is left out",
            away.target.storage()
        );
        warning(away, fact)
    };
    destinations.away.iter().map(entry).collect()
}

/// Returns a warning for each storage that lacks images for that reason; `done` is what does not happen to them.
pub(crate) fn unserved(
    destinations: &Destinations,
    wanted: &[Wanted],
    deployment: Option<&Deployment>,
    done: &str,
) -> Vec<Entry> {
    let entry = |away: &Destination| {
        let images: BTreeSet<&str> =
            wanted.iter().filter(|one| away.needs(one)).map(|one| one.name.as_str()).collect();
        if images.is_empty() {
            return None;
        }
        let images = images.into_iter().collect::<Vec<_>>().join(", ");
        let fact = format!("the node is offline, so its images are not {done}: {images}");
        let vms = deployment.map(|deployment| users(deployment, away)).unwrap_or_default();
        let entry = warning(away, fact);
        Some(if vms.is_empty() { entry } else { entry.note(format!("for {}", shortened(&vms))) })
    };
    destinations.away.iter().filter_map(entry).collect()
}

fn warning(away: &Destination, fact: String) -> Entry {
    let names: Vec<&str> = away.nodes.iter().map(String::as_str).collect();
    Entry::warning("node-away", Place::node(names.join(", ")), fact)
        .hint("run the pipe again when the node is online")
}

/// Returns the names of the VMs that use images from a storage.
fn users<'a>(deployment: &'a Deployment, away: &Destination) -> Vec<&'a str> {
    let vms = deployment.vms.iter().enumerate();
    let on_it = vms.filter(|(index, vm)| {
        away.serves(deployment.node_of(vm)) && !image_use::images(*index, vm).is_empty()
    });
    on_it.map(|(_, vm)| vm.name.as_str()).collect()
}

/// Lists names, the first few of many.
pub(crate) fn shortened(names: &[&str]) -> String {
    match names.split_at_checked(NAMED) {
        Some((first, rest)) if !rest.is_empty() => {
            format!("{} and {} more", first.join(", "), rest.len())
        }
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn a_long_list_of_vms_is_shortened() {
        assert_eq!(shortened(&["a"]), "a");
        assert_eq!(shortened(&["a", "b", "c"]), "a, b, c");
        assert_eq!(shortened(&["a", "b", "c", "d", "e"]), "a, b, c and 2 more");
    }
}
