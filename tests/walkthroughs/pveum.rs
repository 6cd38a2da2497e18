//! `pveum` of the node: takes the commands that `pve-apply privileges` prints, and no others.

use test_support::pve_sim::world::access::{Access, AclEntry, Token, User};

/// The program: it notes its arguments, and shows a new token as PVE does.
pub(crate) const PROGRAM: &str = r#"
for word; do printf '%s\t' "$word"; done >>"$WALK/pveum"
echo >>"$WALK/pveum"
[ "$1 $2 $3" = "user token add" ] || exit 0
cat <<END
┌──────────────┬──────────────────────────────────────┐
│ key          │ value                                │
╞══════════════╪══════════════════════════════════════╡
│ full-tokenid │ iac@pve!pipeline                     │
├──────────────┼──────────────────────────────────────┤
│ info         │ {"privsep":"1"}                      │
├──────────────┼──────────────────────────────────────┤
│ value        │ 5b0c1f9e-7d24-4c1b-9a53-2e8f60d4b7a1 │
└──────────────┴──────────────────────────────────────┘
END
"#;

/// The secret that it shows.
const SECRET: &str = "5b0c1f9e-7d24-4c1b-9a53-2e8f60d4b7a1";

/// Does what was noted.
pub(crate) fn apply(log: &str, access: &mut Access) {
    for line in log.lines() {
        let words: Vec<&str> = line.split_terminator('\t').collect();
        let option = |name: &str| {
            let at = words.iter().position(|word| *word == name)?;
            words.get(at + 1).map(|value| (*value).to_owned())
        };
        let privileges = option("--privs").unwrap_or_default();
        let privileges = privileges.split(',').map(str::to_owned);
        match words[..] {
            ["role", "add", role, ..] => {
                access.roles.insert(role.to_owned(), privileges.collect());
            }
            ["role", "modify", role, "--append", ..] => {
                access.roles.get_mut(role).unwrap().extend(privileges);
            }
            ["user", "add", user] => {
                access.users.insert(user.to_owned(), User::default());
            }
            ["user", "token", "add", user, name, "--privsep", "1"] => {
                let token = Token { secret: SECRET.to_owned(), ..Token::default() };
                access.tokens.insert(format!("{user}!{name}"), token);
            }
            ["acl", "modify", path, ..] => {
                let role = option("--roles").unwrap();
                for who in [option("--users"), option("--tokens")].into_iter().flatten() {
                    let (path, role) = (path.to_owned(), role.clone());
                    access.acl.push(AclEntry { path, who, role, propagate: true });
                }
            }
            _ => panic!("pveum does not know {line:?}"),
        }
    }
}
