//! The length of a vnet's alias, in which pve-apply also stores its mark. Does no I/O.

/// The longest alias that the kernel accepts for a bridge, in bytes. PVE's own limit is 256.
pub const ALIAS_LIMIT: usize = 255;

/// The length of a run's nonce in the mark.
pub const NONCE_LENGTH: usize = 16;

/// The longest mark with empty names: `site=S net=ZONE zone=given run=NONCE`.
const MARK: usize = "site= net= zone=given run=".len() + NONCE_LENGTH;

/// Returns the length of the longest alias that a user may set: a space and the mark follow it.
pub fn longest_alias(site: &str, zone: &str) -> usize {
    ALIAS_LIMIT.saturating_sub(" ".len() + MARK + site.len() + zone.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_leaves_room_for_the_longest_mark() {
        let (site, zone) = ("s".repeat(64), "labzone1");
        let mark = format!(" site={site} net={zone} zone=given run=0123456789abcdef");
        assert_eq!(longest_alias(&site, zone) + mark.len(), ALIAS_LIMIT);
        assert!(longest_alias(&site, zone) > 100);
    }
}
