//! Tags and descriptions: the datacenter's rules, and how a config stores them (facts-4 60 to 65).

use super::{check, send, start, wait};

const CONFIG: &str = "GET /nodes/pve1/qemu/100/config";
const PUT: &str = "PUT /nodes/pve1/qemu/100/config";
const CREATE: &str = "POST /nodes/pve1/qemu vmid=200";

fn world(version: &str, options: &str, tags: &str) -> String {
    let config = if tags.is_empty() { String::new() } else { format!(r#""tags": "{tags}""#) };
    format!(
        r#"{{"version": "{version}", "options": {{{options}}}, "vms": {{"100": {{"config": {{{config}}}}}}}}}"#
    )
}

#[test]
fn a_write_makes_tags_lowercase_sorted_and_unique() {
    let sent = "tags=Zeta;alpha;ALPHA;zeta,beta+gamma";
    for (options, expected) in [
        ("", "alpha;beta+gamma;zeta"),
        (r#""tag-style": "case-sensitive=1,ordering=config""#, "Zeta;alpha;ALPHA;zeta;beta+gamma"),
        (r#""tag-style": "case-sensitive=1""#, "ALPHA;Zeta;alpha;beta+gamma;zeta"),
        (r#""tag-style": "ordering=config""#, "zeta;alpha;beta+gamma"),
    ] {
        let kept = format!(r#""tags":"{expected}""#);
        check(
            &world("9.1.7", options, ""),
            "[]",
            &[(&format!("{PUT} {sent}"), "200 OK"), (CONFIG, &kept)],
        );
        let sim = start(&world("9.2.0", options, ""), "[]");
        let ended = wait(&sim, send(&sim, &format!("{CREATE} {sent}")).split('"').nth(3).unwrap());
        assert!(ended.contains(r#""OK""#), "{ended}");
        assert!(send(&sim, "GET /nodes/pve1/qemu/200/config").contains(&kept), "{options}");
    }
}

#[test]
fn an_empty_tag_list_is_a_space_or_missing() {
    let sim = check(
        &world("9.1.7", "", "a"),
        "[]",
        &[
            (&format!("{PUT} tags="), "200 OK"),
            (CONFIG, r#""tags":" ""#),
            (&format!("{PUT} delete=tags"), "200 OK"),
            (&format!("{PUT} tags=ü"), "invalid characters in tag"),
        ],
    );
    assert!(!send(&sim, CONFIG).contains("tags"));
}

#[test]
fn some_tags_are_not_allowed_for_a_token() {
    let denied = |tag: &str| {
        format!("403 Permission check failed (/, Sys.Modify for modifying tag '{tag}')")
    };
    let existing = r#""user-tag-access": "user-allow=existing""#;
    let none = r#""user-tag-access": "user-allow=none""#;
    let list = r#""user-tag-access": "user-allow=list,user-allow-list=x;y""#;
    let registered = r#""registered-tags": "prod;test""#;
    for (options, change, expected) in [
        (existing, "tags=old;brandnew", denied("brandnew")),
        (existing, "delete=tags", "200 OK".to_owned()),
        (none, "tags=old;brandnew", denied("brandnew")),
        (none, "delete=tags", denied("old")),
        (none, "name=web", "200 OK".to_owned()),
        (none, "tags=old", "200 OK".to_owned()),
        (list, "tags=old;x", "200 OK".to_owned()),
        (list, "tags=x", denied("old")),
        (registered, "tags=old;prod", denied("prod")),
        (registered, "tags=any", "200 OK".to_owned()),
    ] {
        check(&world("9.1.7", options, "old"), "[]", &[(&format!("{PUT} {change}"), &expected)]);
    }
    for (options, tags, named) in [
        (existing, "brandnew", "'brandnew'"),
        (existing, "old", "'HASH("),
        (none, "old", "'HASH("),
        (registered, "prod", "'HASH("),
    ] {
        let failed = format!(
            "unable to create VM 200 - 403 Permission check failed (/, Sys.Modify for modifying tag {named}"
        );
        check(
            &world("9.1.7", options, "old"),
            "[]",
            &[
                (&format!("{CREATE} tags={tags}"), "200 OK"),
                ("task", &failed),
                ("GET /nodes/pve1/qemu/200/config", "does not exist"),
            ],
        );
    }
    check(
        &world("9.1.7", registered, ""),
        "[]",
        &[(&format!("{CREATE} tags=any"), "200 OK"), ("task", r#""OK""#)],
    );
}

#[test]
fn the_options_list_the_allowed_tags() {
    let options = r#""tag-style": "case-sensitive=1", "registered-tags": "prod""#;
    let sim = start(&world("9.1.7", options, "b;a;prod"), "[]");
    let seen = send(&sim, "GET /cluster/options");
    assert!(seen.contains(r#""allowed-tags":["a","b"]"#), "{seen}");
    assert!(seen.contains(r#""tag-style":{"case-sensitive":"1"}"#), "{seen}");
    assert!(!seen.contains("registered-tags"), "without Sys.Audit: {seen}");
}

#[test]
fn a_description_loses_trailing_whitespace() {
    for (sent, kept) in
        [("a\n\n", r#""description":"a""#), ("\ta\nb\n", r#""description":"\ta\nb""#)]
    {
        let description = format!("{PUT} description={sent}");
        check(&world("9.1.7", "", ""), "[]", &[(&description, "200 OK"), (CONFIG, kept)]);
    }
    let sim = check(&world("9.1.7", "", ""), "[]", &[(&format!("{PUT} description=\n"), "200 OK")]);
    assert!(!send(&sim, CONFIG).contains("description"));
}
