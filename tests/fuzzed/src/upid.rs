//! UPIDs, and the other names that PVE and its users write: node, storage, volid, vmid, digest, address, API token.

use pve_client::{
    ApiToken, ApiUrl, Digest, Fingerprint, NodeName, StorageId, Upid, Vmid, Volid, clone_of_log,
};
use std::fmt::{Debug, Display};
use std::str::FromStr;

/// The input is any of these names.
///
/// What is accepted prints as it was written and is read again as the same; a UPID consists of its parts; a name
/// that becomes part of a path has no `/`; a refusal says which rule is broken; the secret of a token is never shown.
pub fn upid(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(upid) = verbatim::<Upid>(text) {
        let parts = format!(":{}:{}:{}:", upid.kind(), upid.id(), upid.user());
        assert!(text.starts_with(&format!("UPID:{}:", upid.node())) && text.ends_with(&parts));
        assert!(!upid.kind().is_empty() && upid.user().len() < text.len());
    }
    if let Some(volid) = verbatim::<Volid>(text) {
        assert_eq!(format!("{}:{}", volid.storage(), volid.name()), text);
        assert!(volid.name().ends_with(volid.file()) && !volid.file().contains('/'));
        // The base of a linked clone is a base image itself, on the same storage.
        if let Some(base) = volid.base() {
            assert!(base.is_base() && text.starts_with(&format!("{base}/")), "{base}");
        }
    }
    for name in [
        verbatim::<NodeName>(text).map(|n| n.to_string()),
        verbatim::<StorageId>(text).map(|n| n.to_string()),
    ] {
        assert!(!name.is_some_and(|name| name.contains(['/', '?', '#', '%', ':', ' '])));
    }
    verbatim::<Digest>(text);
    if let Some(vmid) = same_again::<Vmid>(text) {
        assert!((100..=999_999_999).contains(&vmid.get()));
        assert_eq!(Vmid::new(vmid.get().into()), Ok(vmid));
    }
    same_again::<Fingerprint>(text);
    address(text);
    token(text);
    if let Some((source, clone)) = clone_of_log(text) {
        let line = format!("creating a clone of VM {source} with ID {clone}");
        assert_eq!(clone_of_log(&line), Some((source, clone)));
    }
}

/// Checks that a name that is accepted is printed as it was written.
fn verbatim<T: FromStr<Err: Display> + Display + PartialEq + Debug>(text: &str) -> Option<T> {
    let read = same_again::<T>(text)?;
    assert_eq!(read.to_string(), text);
    Some(read)
}

/// Checks that a value that is accepted is printed so that it is read as the same.
fn same_again<T: FromStr<Err: Display> + Display + PartialEq + Debug>(text: &str) -> Option<T> {
    match text.parse::<T>() {
        Ok(read) => {
            assert_eq!(read.to_string().parse::<T>().ok().as_ref(), Some(&read));
            Some(read)
        }
        Err(refused) => {
            assert!(refused.to_string().contains("must be"), "{refused}");
            None
        }
    }
}

fn address(text: &str) {
    match text.parse::<ApiUrl>() {
        Ok(url) => {
            assert_eq!(url.base().parse(), Ok(url.clone()));
            assert!(url.origin().starts_with("https://") && !url.origin().contains('@'), "{url}");
        }
        Err(refused) => {
            // The text may contain a password.
            assert!(refused.to_string().starts_with("must be the address of a Proxmox VE API"));
        }
    }
}

/// Checks that what is shown of a token does not depend on its secret.
fn token(text: &str) {
    let Ok(token) = text.parse::<ApiToken>() else { return };
    let secret = text.trim().rsplit('=').next().unwrap();
    assert!(text.contains(&format!("{}={secret}", token.id())));
    // Of an id that begins like the header, only the header's beginning is left out.
    let other: ApiToken = format!("PVEAPIToken={}=another", token.id()).parse().unwrap();
    assert_eq!(format!("{other:?}"), format!("{token:?}"));
}
