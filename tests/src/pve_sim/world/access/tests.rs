//! Who may do what where.

use super::*;

fn check(edit: impl Fn(&mut World), path: &str, privilege: &str, expected: bool) {
    let mut world = World::default();
    edit(&mut world);
    let who = Who { authid: super::super::defaults::TOKEN_ID.to_owned() };
    assert_eq!(world.may(&who, path, &[privilege]), expected, "{path} {privilege}");
}

fn give(path: &str, who: &str, role: &str) -> AclEntry {
    AclEntry { path: path.to_owned(), who: who.to_owned(), role: role.to_owned(), propagate: true }
}

#[test]
fn a_user_name_may_contain_the_characters_of_tokens() {
    assert_eq!(user_of("a@pve!t"), "a@pve");
    assert_eq!(user_of("a!b@pve"), "a!b@pve");
    assert_eq!(user_of("a!b@corp@pve!t"), "a!b@corp@pve");
}

#[test]
fn privileges_are_the_deepest_entries_of_both_user_and_token() {
    check(|_| (), "/vms/100", "VM.Allocate", true);
    check(|_| (), "/vms/100", "VM.Console", false);
    check(|_| (), "/", "Sys.Modify", false);
    check(
        |w| w.access.acl.push(give("/", "pipeline@pve!apply", "Administrator")),
        "/",
        "Sys.Modify",
        false,
    );
    check(
        |w| {
            w.access.acl.extend([
                give("/", "pipeline@pve!apply", "Administrator"),
                give("/", "pipeline@pve", "Administrator"),
            ])
        },
        "/",
        "Sys.Modify",
        true,
    );
    check(
        |w| w.access.acl.push(give("/vms/100", "pipeline@pve", "PVEAuditor")),
        "/vms/100",
        "VM.Allocate",
        false,
    );
    check(
        |w| w.access.acl.push(give("/vms/100", "pipeline@pve", "NoAccess")),
        "/vms/100",
        "VM.Audit",
        false,
    );
    check(|w| w.withdraw("/vms", "VM.Audit"), "/vms/100", "VM.Audit", false);
}
