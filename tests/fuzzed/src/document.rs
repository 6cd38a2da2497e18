//! Documents: what each stage after `resolve` reads on stdin.

use serde_json::Value;
use stage::{Deployment, Document, Place, Report};

/// What cloudinit-render sets in a VM.
const RENDERED: [&str; 7] = [
    "user_data",
    "vendor_data",
    "meta_data",
    "network_config",
    "instance_id",
    "seed_fingerprint",
    "seed_inputs",
];

/// The input is a document.
///
/// A document is printed as it was; what is read from it without problems is read again from its own print; no
/// `Debug` shows its token; every finding has a place in it; rendering changes nothing but its own fields,
/// writes YAML, and twice is once; the other stages read it without a panic, and the same way each time.
pub fn document(bytes: &[u8]) {
    let document = match Document::parse(bytes) {
        Ok(document) => document,
        Err(failure) => return is_in_the_document(failure.report()),
    };
    let printed = document.to_bytes();
    assert!(Document::parse(&printed).unwrap() == document);
    assert_eq!(Document::parse(&printed).unwrap().to_bytes(), printed);

    let (deployment, report) = Deployment::read(&document);
    is_in_the_document(&report);
    hides_the_token(&document, &deployment);
    if !report.has_errors() {
        read_again(&deployment);
    }
    render(&document);
    let (images, findings) = image_publish::memory::wanted(&deployment);
    is_in_the_document(&findings);
    assert!(images.is_sorted());
    let findings = pve_apply::memory::check(&document);
    is_in_the_document(&findings);
    assert_eq!(pve_apply::memory::check(&document), findings);
}

/// Checks that each finding says what is so, and where.
pub(crate) fn is_well_placed(report: &Report) {
    for entry in report.entries() {
        assert!(!entry.fact.is_empty() && !entry.code.is_empty(), "{entry:?}");
        assert!(entry.place == Place::Run || !entry.place.to_string().is_empty(), "{entry:?}");
    }
}

fn is_in_the_document(report: &Report) {
    is_well_placed(report);
    for entry in report.entries() {
        assert!(matches!(entry.place, Place::Input(_)), "{entry:?}");
    }
}

fn hides_the_token(document: &Document, deployment: &Deployment) {
    let Some(token) = document.json().get("api_token").and_then(Value::as_str) else { return };
    let text = serde_json::to_string(document.json()).unwrap();
    let is_only_there = token.len() >= 8 && text.matches(token).count() == 1;
    assert!(!is_only_there || !format!("{deployment:?} {document:?}").contains(token));
}

fn read_again(deployment: &Deployment) {
    let printed = deployment.to_bytes().unwrap();
    let (again, report) = Deployment::read(&Document::parse(&printed).unwrap());
    assert!(!report.has_errors(), "{report:?}");
    assert_eq!(again.to_bytes().unwrap(), printed);
    assert!(again == *deployment, "{again:?} {deployment:?}");
}

fn render(document: &Document) {
    let mut once = document.clone();
    match cloudinit_render::fill(&mut once, &[]) {
        Ok(report) => is_in_the_document(&report),
        Err(failure) => {
            assert!(failure.report().has_errors());
            is_in_the_document(failure.report());
            assert!(once == *document, "a document that is refused stays as it was");
            return;
        }
    }
    let mut twice = once.clone();
    assert!(cloudinit_render::fill(&mut twice, &[]).is_ok());
    assert!(twice == once, "rendering twice is once");
    for (before, after) in vms(document).zip(vms(&once)) {
        for (name, value) in before.as_object().unwrap() {
            assert!(RENDERED.contains(&name.as_str()) || after.get(name) == Some(value), "{name}");
        }
        for name in ["user_data", "meta_data", "network_config"] {
            let text = after[name].as_str().unwrap();
            let is_own = name == "user_data"
                && before.get("custom_user_data").is_some_and(|own| !own.is_null());
            if !is_own {
                let read = serde_yaml::from_str::<Value>(text);
                assert!(read.is_ok(), "{name}: {read:?}: {text}");
            }
        }
    }
    let rest = |document: &Document| {
        let fields = document.json().iter().filter(|(name, _)| *name != "vms");
        fields.map(|(name, value)| (name.clone(), value.clone())).collect::<Vec<_>>()
    };
    assert_eq!(rest(document), rest(&once));
}

fn vms(document: &Document) -> impl Iterator<Item = &Value> {
    document.json().get("vms").and_then(Value::as_array).into_iter().flatten()
}
