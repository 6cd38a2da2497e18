//! The syntax of Proxmox VE's user IDs and API tokens. Does no I/O.
//!
//! PVE: pve-access-control, Auth/Plugin.pm, verify_username, $user_regex and $realm_regex;
//! AccessControl.pm, $token_full_regex and verify_token, which takes the last `=` for the secret's.

/// The form of a user ID.
pub const USER_FORM: &str = "user@realm";
/// The form of a token with its secret.
pub const TOKEN_FORM: &str = "user@realm!id=uuid";
/// The form of a token's name.
pub const TOKEN_NAME_FORM: &str = "letters, digits, ., _ and -, a letter first";

/// Returns whether a text is a user with its realm. A user's name may be a mail address and may
/// contain `!` and `=`: the realm starts after the last `@`.
pub fn is_user(text: &str) -> bool {
    let Some((name, realm)) = text.rsplit_once('@') else { return false };
    let sign = |b: u8| b.is_ascii_graphic() && !b":/".contains(&b);
    text.len() <= 64 && !name.is_empty() && name.bytes().all(sign) && is_token_name(realm)
}

/// Returns whether a text is the name of a token, or of a realm.
pub fn is_token_name(text: &str) -> bool {
    let sign = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(sign)
}

/// Returns whether a text is a whole token, with its secret.
pub fn is_token(text: &str) -> bool {
    let Some((id, secret)) = text.rsplit_once('=') else { return false };
    let Some((user, name)) = id.rsplit_once('!') else { return false };
    let is_uuid = secret.len() == 36 && secret.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    is_uuid && is_user(user) && is_token_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users() {
        for user in [
            "root@pam",
            "user.name@example.com@entra",
            "a+b@corp.example@oidc-1",
            "a!b@pve",
            "a=b@pve",
            "DOM\\user@ad",
            "o'hara@ldap",
            "user_1@My.Realm",
            "@@pve",
        ] {
            assert!(is_user(user), "{user}");
        }
        let long = format!("{}@pve", "a".repeat(61));
        for user in [
            "root", "@pam", "root@", "a b@pve", "a:b@pve", "a/b@pve", "a@1realm", "a@pve!b",
            "a@p ve", "é@pve", "a@pve\n", &long,
        ] {
            assert!(!is_user(user), "{user}");
        }
        assert!(is_user(&long[1..]));
    }

    #[test]
    fn tokens() {
        let uuid = "00000000-0000-4000-8000-000000000001";
        for id in
            ["a@pve!b", "user.name@example.com@entra!admin_token", "a!b@pve!c", "a=b@pve!c.d-e"]
        {
            assert!(is_token(&format!("{id}={uuid}")), "{id}");
            assert!(!is_token(id), "{id}");
            assert!(!is_token(&format!("{id}={}", &uuid[1..])), "{id}");
            assert!(!is_token(&format!("PVEAPIToken:{id}={uuid}")), "{id}");
        }
        for id in ["a@pve", "a!b", "a@pve!", "a@pve!1b", "a@pve!b c", "a@pve!b=c", "!b", ""] {
            assert!(!is_token(&format!("{id}={uuid}")), "{id}");
        }
    }
}
