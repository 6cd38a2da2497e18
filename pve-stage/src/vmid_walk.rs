//! Which vmids what we make may get, in the order in which every run tries them. Does no I/O.
//!
//! The first is derived from what the VM is, so two runs that make the same meet at one vmid, where PVE lets
//! only one of them through.

use pve_client::Vmid;
use sha2::{Digest as _, Sha256};
use stage::identity::VmidRange;

/// Returns the vmid to try first for what these words name.
pub fn candidate(range: VmidRange, words: &[&str]) -> Option<Vmid> {
    let (first, last) = (u64::from(range.first()), u64::from(range.last()));
    let digest = Sha256::digest(words.join("\n"));
    let drawn = digest.iter().take(8).fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    Vmid::new(first + drawn % (last - first + 1)).ok()
}

/// Returns the vmids of a range from a candidate upward, then from the start of the range.
pub fn walk(range: VmidRange, candidate: Option<Vmid>) -> impl Iterator<Item = Vmid> {
    let start = candidate.map_or(range.first(), Vmid::get);
    let numbers = (start..=range.last()).chain(range.first()..start);
    numbers.filter_map(|number| Vmid::new(u64::from(number)).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walk_goes_up_from_the_candidate_and_round() {
        let range = VmidRange::parse("100-103").unwrap();
        let numbers = |from| walk(range, from).map(Vmid::get).collect::<Vec<_>>();
        assert_eq!(numbers(Vmid::new(102).ok()), [102, 103, 100, 101]);
        assert_eq!(numbers(None), [100, 101, 102, 103]);
    }

    #[test]
    fn a_candidate_depends_on_each_word_and_is_in_the_range() {
        let range = VmidRange::DEFAULT;
        let one = candidate(range, &["home", "dev", "web"]);
        // It must not change: VMs are found at it.
        assert_eq!(one.map(Vmid::get), Some(10_118));
        assert_ne!(one, candidate(range, &["home", "dev", "db"]));
        let narrow = VmidRange::parse("200-200").unwrap();
        assert_eq!(candidate(narrow, &["x"]).map(Vmid::get), Some(200));
    }
}
