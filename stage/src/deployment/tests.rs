//! The document as typed values. Does no I/O.

use super::*;

#[test]
fn every_problem_is_reported_with_its_place() {
    let text = r#"{"node":1,"ssh_keys":["a",2],"vms":[{"cores":"two"},7,{"vmid":100.5}]}"#;
    let document = Document::parse(text.as_bytes()).unwrap();
    let (_, report) = Deployment::read(&document);
    let places: Vec<_> = report.entries().iter().map(|e| e.place.to_string()).collect();
    let expected = [
        "stdin: node",
        "stdin: ssh_keys",
        "stdin: vms[0].cores",
        "stdin: vms[1]",
        "stdin: vms[2].vmid",
    ];
    assert_eq!(places, expected);
}

#[test]
fn null_is_absent_and_four_point_zero_is_four() {
    let text = r#"{"vms":[{"name":"a","ip":null,"cores":4.0}]}"#;
    let document = Document::parse(text.as_bytes()).unwrap();
    let (deployment, report) = Deployment::read(&document);
    assert!(report.entries().is_empty());
    assert_eq!((deployment.vms[0].ip.as_str(), deployment.vms[0].cores), ("dhcp", Some(4)));
}

#[test]
fn no_list_of_names_is_not_an_empty_one() {
    for (text, expected) in [
        ("{}", None),
        (r#"{"vm_names":null}"#, None),
        (r#"{"vm_names":[]}"#, Some(vec![])),
        (r#"{"vm_names":["a","b"]}"#, Some(vec!["a".to_owned(), "b".to_owned()])),
    ] {
        let document = Document::parse(text.as_bytes()).unwrap();
        assert_eq!(Deployment::read(&document).0.vm_names, expected, "{text}");
    }
}

#[test]
fn a_range_is_read_or_reported() {
    for (text, range, facts) in [
        ("{}", "10000-99999", 0),
        (r#"{"vmid_range":"200-300"}"#, "200-300", 0),
        (r#"{"vmid_range":"300-200"}"#, "10000-99999", 1),
        (r#"{"vmid_range":200}"#, "10000-99999", 1),
    ] {
        let document = Document::parse(text.as_bytes()).unwrap();
        let (deployment, report) = Deployment::read(&document);
        assert_eq!(deployment.vmid_range.to_string(), range, "{text}");
        assert_eq!(report.entries().len(), facts, "{text}");
    }
}
