//! What `mint-token --help` and the man pages say besides the options. Does no I/O.

use stage::{COLOR_VARIABLE, LOG_VARIABLE, Manual};

/// The table.
pub const MANUAL: Manual = Manual {
    examples: &[
        (
            "Fill in the tokens of a document",
            "resolve --env dev | mint-token --site ./site -o document.json",
        ),
        ("Create a key, readable only by you", "mint-token keygen -o signing.key"),
        (
            "Print a token that expires in a day",
            "mint-token mint --name web1 --spec web --ttl 24h --key-file signing.key",
        ),
        ("Read a token's claims", "mint-token inspect --json <token"),
        (
            "Check a token as a server does",
            "mint-token verify --name web1 --key-file signing.key <token",
        ),
    ],
    environment: &[
        (
            "HOMESTAK_SIGNING_KEY",
            "Signing key in hexadecimal, unless an option names another source",
        ),
        ("SOURCE_DATE_EPOCH", "Time of issue in seconds since 1970, unless --issued-at is given"),
        LOG_VARIABLE,
        COLOR_VARIABLE,
    ],
    files: &[(
        "secrets.yaml, secrets.yaml.enc",
        "With --site: the site's secrets, of which `auth.signing_key` is read",
    )],
    exit_status: &[
        ("0", "Done"),
        ("1", "The key, the document or the token cannot be used; stdout is empty"),
        ("2", "The command line is wrong"),
        ("141", "Nobody reads stdout any more"),
    ],
};
