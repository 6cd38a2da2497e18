//! Properties of the parsers for any text that PVE, a user or an attacker may send: nothing panics, and parsing round-trips.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use proptest::prelude::*;
use pve_client::{
    ApiToken, ApiUrl, Digest, Fingerprint, NodeName, PropertyString, StorageId, Upid, Vmid, Volid,
    display_size, parse_boolean, parse_size,
};

/// Checks that a text that parses can be displayed and parsed again with the same result.
fn check<T: FromStr + Display + PartialEq + Debug>(text: &str) -> Option<T> {
    let read: T = text.parse().ok()?;
    assert_eq!(read.to_string().parse().ok().as_ref(), Some(&read), "{text}");
    Some(read)
}

/// Generates texts from the characters of these formats, which are valid far more often than random text.
fn likely() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        "[UPID:0-9A-F@!a-z.,=;/%+-]{0,60}",
        "UPID:[a-z0-9-]{0,5}:[0-9A-Fa-f]{7,9}:[0-9A-F]{7,10}:[0-9A-F]{8}:[a-z]{0,5}:[^:]{0,5}:[^:]{0,9}:?",
        "(https?://)?[\\[\\]:.a-z0-9@%-]{0,12}(:[0-9a-z]{0,6})?[/?#a-z0-9.]{0,8}",
        "[0-9]{0,30}(\\.[0-9]{0,30})?[KMGTkmgtP]?",
        "([0-9a-f]{2}:?){30,34}",
        "PVEAPIToken=[a-z@!=\\PC]{0,20}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_parsed_or_refused(text in likely()) {
        if let Ok(url) = text.parse::<ApiUrl>() {
            prop_assert_eq!(url.base().parse(), Ok(url));
        }
        check::<Digest>(&text);
        check::<Fingerprint>(&text);
        check::<NodeName>(&text);
        check::<StorageId>(&text);
        check::<Upid>(&text);
        check::<Vmid>(&text);
        check::<Volid>(&text);
        let _ = parse_boolean(&text);
        if let Some(bytes) = parse_size(&text) {
            prop_assert_eq!(parse_size(&display_size(bytes)), Some(bytes));
        }
        let _ = text.parse::<ApiToken>();
    }

    #[test]
    fn a_upid_consists_of_its_parts(
        node in "[a-z][a-z0-9]{0,8}", pid: u32, pstart in 0_u64..0x10_0000_0000, start: u32,
        kind in "[a-z]{1,9}", id in "[a-z0-9.@-]{0,9}", user in "[a-z.@_-]{1,9}@[a-z]{2,4}(![a-z]{2,5})?",
    ) {
        let text = format!("UPID:{node}:{pid:08X}:{pstart:08X}:{start:08X}:{kind}:{id}:{user}:");
        let upid = check::<Upid>(&text);
        prop_assert_eq!(
            upid.as_ref().map(|u| (u.as_str(), u.node().as_str(), u.kind(), u.id(), u.user())),
            Some((text.as_str(), node.as_str(), kind.as_str(), id.as_str(), user.as_str()))
        );
    }

    #[test]
    fn a_size_round_trips(bytes: u64) {
        prop_assert_eq!(parse_size(&display_size(bytes)), Some(bytes));
    }

    #[test]
    fn a_property_string_round_trips(text in "(([a-z][a-z0-9_-]{0,4}=)?[A-Za-z0-9:][A-Za-z0-9=:;/._ \u{e4}%-]{0,8},?){0,6}") {
        let read = PropertyString::parse(&text, "file");
        let printed = read.display_with_default("file");
        prop_assert_eq!(&PropertyString::parse(&printed, "file"), &read, "{} / {}", text, printed);
        for (key, _) in read.pairs() {
            prop_assert!(read.get(key).is_some());
        }
    }

    #[test]
    fn a_key_can_be_set_and_removed(text in "[a-z0-9=,:]{0,40}", key in "[a-z]{1,5}", value in "[a-z0-9]{1,5}") {
        let mut drive = PropertyString::parse(&text, "file");
        let before = drive.get(&key).map(str::to_owned);
        drive.set(&key, value.as_str());
        prop_assert_eq!(drive.get(&key), Some(value.as_str()));
        prop_assert_eq!(drive.remove(&key), Some(value));
        if before.is_none() {
            prop_assert_eq!(drive, PropertyString::parse(&text, "file"));
        }
    }
}
