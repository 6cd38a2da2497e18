//! Keys that ssh-keygen made, and what is wrong with each piece of them.

use super::*;

const ED25519: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC/JQEg7bRn+WJvBlljGNeL3CvQqnnOhBNVZ2vF982RB";

/// Keys as ssh-keygen of OpenSSH 9.2 made them, and two of security keys.
const WHOLE: [&str; 8] = [
    ED25519,
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCu7Z9eFvupzhs/ic+TIeOfw/TugfxmqJKvIB28Jq/TtP55VIT8L5qqMUE0Hd/ea75Lnzd7zxvhs13CLtlbwsTZIvT1+Fnj7S1eC0LYRlkD+4qoIiGx+TOisAuFVgtu2+F7gJA6vQRTLNOs23wTL3xsVCueUP4r39sK0x67mmEXZXPe4gYj0uakN6fZGI8i0zgir+wjD+V6gJTeriVg7n3RAsH5HL25KPUaJ3RvHPjZVEn07mwQXbQN4sxJPMF96Smj2LFdh3wPW+IG/Q/cyloYHmnY+z861t167XQrp63T11lYkStUskzjzQ7r+qQHFLQORX2zhFD4leZmK9zrFcJ/",
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDUkkDzSWdH957jOgvDAnk0A1uob4Uc1LE0Mth0TK3YBFOJBrOPOyGs9Ul36pS96zIUyivB9X0mLfx6uE5sZktggepn5aoUzFKI0i4pvJuUCn+836sa3DtrViLX+cMI8JlO20YoafUF+THtbkgGYwYyDOh0K84VP9Gz17vrvuU8iQ==",
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBPMpyF/nIhI+N0mX1wwKho1wew+9G+f8kQHGFZNv4fcd0a7+c6X0FRf5SPgqUxml6tdOqSIk9FIIpk8VKbAY/Sw=",
    "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBLtqpwX+ddwkzpTtd4rNEtzwev0kieaAe7hM0anFYvzp6pbSZUDJfkQh3hUwmz6262e71aeOLFwT8FpLWLGxxSjFji8mAh/yLZHe8hQA0g0Sv7FXFr0+9F8scrUqP/uXBg==",
    "ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAE5n6606K423GjEKP7u44hqgCcYx1BgxwNZ23Ql7D10gIsf4Nj7wXvbgjBcqxAdyolt6pk/Mngz3UoCPysfVItWCQBQ7q86Tle4I3MzO+LFG5B+KoqEaqBYGhFbFfdGPBCkuFg/yXeqnX2N8mtrbeeRhlTHetqCnV7zvuRZ60g04sgMHw==",
    "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIJ7xZ0mJt5m1mSxg0aTq0oJq2rL9rN3w5yQe6uX8bVcDAAAABHNzaDo=",
    "sk-ecdsa-sha2-nistp256@openssh.com AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20AAAAIbmlzdHAyNTYAAABBBNJ8Hf5X4xqbZ2yJ0m1vQm1QJd5TqWmBv9d1uGf9S1p4mYh2c0z0bq5y0Z4n6VbBf3Qe0dJ0cYl0w2u7m2p6Lr0AAAAEc3NoOg==",
];

const CERTIFICATE: &str = "ecdsa-sha2-nistp256-cert-v01@openssh.com AAAAKGVjZHNhLXNoYTItbmlzdHAyNTYtY2VydC12MDFAb3BlbnNzaC5jb20AAAAgQ9dtNcYpCHgB5NFbWwwdoIdLu+VQ41Y+4bokBiWio2wAAAAIbmlzdHAyNTYAAABBBPMpyF/nIhI+N0mX1wwKho1wew+9G+f8kQHGFZNv4fcd0a7+c6X0FRf5SPgqUxml6tdOqSIk9FIIpk8VKbAY/SwAAAAAAAAAAAAAAAEAAAACaWQAAAAIAAAABHJvb3QAAAAAAAAAAP//////////AAAAAAAAAIIAAAAVcGVybWl0LVgxMS1mb3J3YXJkaW5nAAAAAAAAABdwZXJtaXQtYWdlbnQtZm9yd2FyZGluZwAAAAAAAAAWcGVybWl0LXBvcnQtZm9yd2FyZGluZwAAAAAAAAAKcGVybWl0LXB0eQAAAAAAAAAOcGVybWl0LXVzZXItcmMAAAAAAAAAAAAAADMAAAALc3NoLWVkMjU1MTkAAAAgL8lASDttGf5Ym8GWWMY14vcK9Cqec6EE1Vna8X3zZEEAAABTAAAAC3NzaC1lZDI1NTE5AAAAQGtEV9SsHjZ01jhm/YZ/mBK7M5XzTnekppryZMpusozRJoxUb/24SG9U4Ydfm9/MHCX0wuL1OYRNbZV8avWjzgo=";

fn check(text: &str, part: &str) {
    let fact = ssh_key(text).expect_err(text);
    assert!(fact.contains(part), "{text}: {fact}");
}

/// A key of these fields.
fn key(kind: &str, fields: &[&[u8]]) -> String {
    let mut blob = Vec::new();
    for field in [&[kind.as_bytes()], fields].concat() {
        blob.extend((field.len() as u32).to_be_bytes());
        blob.extend(field);
    }
    format!("{kind} {}", BASE64.encode(&blob))
}

#[test]
fn whole_keys_and_no_piece_of_one() {
    for key in WHOLE {
        let comments = ["", " ", " a@b", " cardno:000609769932", " \"A O'H\" <a\\b> #1", " é"];
        for comment in comments {
            assert_eq!(ssh_key(&format!("{key}{comment}")), Ok(()), "{key}{comment}");
        }
        let blob = key.find(' ').unwrap() + 1;
        for end in 0..key.len() {
            assert!(ssh_key(&key[..end]).is_err(), "{}", &key[..end]);
            assert!(ssh_key(&format!("{} a@b", &key[..end])).is_err(), "{}", &key[..end]);
        }
        for at in blob + 1..key.len() {
            let (before, after) = key.split_at(at);
            assert!(ssh_key(&format!("{before} {after} a@b")).is_err(), "{before} {after}");
            assert!(ssh_key(&format!("{before}-{}", &after[1..])).is_err(), "- at {at} of {key}");
        }
        assert!(ssh_key(&format!("{key}AAAA")).is_err(), "{key} and more");
        assert!(ssh_key(&key[blob..]).is_err(), "without its type");
    }
}

#[test]
fn the_type_is_that_of_the_key() {
    for one in WHOLE {
        for other in WHOLE {
            let (kind, code) = (one.split_once(' ').unwrap().0, other.split_once(' ').unwrap().1);
            let expected = kind == other.split_once(' ').unwrap().0;
            assert_eq!(ssh_key(&format!("{kind} {code}")).is_ok(), expected, "{kind} {code}");
        }
    }
    check(&WHOLE[3].replacen("nistp256", "nistp384", 1), "of the type it names");
    check(&WHOLE[1].replacen("ssh-rsa", "rsa-sha2-256", 1), "begin with the key's type");
    check(&ED25519.replacen("ssh-ed25519", "ssh-ed25591", 1), "of the type it names");
    check(&ED25519.replacen("ssh-ed25519", "SSH-ED25519", 1), "begin with the key's type");
}

#[test]
fn the_fields_of_a_type() {
    let modulus = |bytes: usize| [&[0, 0x80][..], &vec![1; bytes - 1]].concat();
    let rsa = |bytes| key("ssh-rsa", &[&[1, 0, 1], &modulus(bytes)]);
    assert_eq!(ssh_key(&rsa(128)), Ok(()));
    check(&rsa(127), "1024 bits");
    check(&key("ssh-rsa", &[&[1, 0, 1]]), "cut short");
    check(&key("ssh-rsa", &[&[1, 0, 1], &modulus(256), &[1]]), "cut short");
    check(&key("ssh-ed25519", &[&[7; 31]]), "cut short");
    check(&key("ssh-ed25519", &[&[7; 32], b""]), "cut short");
    check(&key("sk-ssh-ed25519@openssh.com", &[&[7; 32]]), "cut short");
    check(&key("sk-ssh-ed25519@openssh.com", &[&[7; 32], b"ssh:", b""]), "cut short");
    let point = |first: u8, length: usize| [&[first][..], &vec![7; length - 1]].concat();
    let ecdsa = |curve: &str, point: &[u8]| key("ecdsa-sha2-nistp256", &[curve.as_bytes(), point]);
    assert_eq!(ssh_key(&ecdsa("nistp256", &point(4, 65))), Ok(()));
    check(&ecdsa("nistp256", &point(2, 33)), "cut short");
    check(&ecdsa("nistp256", &point(2, 65)), "cut short");
    check(&ecdsa("nistp256", &point(4, 97)), "cut short");
    check(&ecdsa("nistp384", &point(4, 97)), "cut short");
    check(&key("ecdsa-sha2-nistp192", &[b"nistp192", &point(4, 49)]), "cut short");
    // A later OpenSSH's type: its fields are whole.
    let later = key("ssh-later@openssh.com", &[&[7; 99], &[8; 3]]);
    assert_eq!(ssh_key(&later), Ok(()));
    check(&later[..later.len() - 4], "cut short");
}

#[test]
fn keys_that_cannot_log_in() {
    check("", "empty");
    check("  ", "empty");
    check("# a comment", "begin with the key's type");
    check(&format!("#{ED25519}"), "begin with the key's type");
    check("anna", "begin with the key's type");
    check("\u{feff}ssh-ed25519 AAAA", "begin with the key's type");
    check(&ED25519.replace(' ', "\u{a0}"), "begin with the key's type");
    check(&format!("{ED25519} a\n{ED25519} b"), "one line");
    check(&format!("{ED25519} a {} b", WHOLE[3]), "one key");
    check(&key("ssh-dss", &[&[1], &[2], &[3], &[4]]), "DSA");
    check(CERTIFICATE, "certificate");
    check(&format!("cert-authority {CERTIFICATE}"), "certificate");
    let (start, end) = ED25519.split_at(50);
    check(&format!("{start} {end} a@b"), "folds lines");
    check(&format!("{start}\n{end} a@b"), "one line");
    let (start, end) = WHOLE[1].split_at(300);
    check(&format!("{start} {end}"), "folds lines");
    check(&format!("{start} alice@laptop"), "cut short");
    check(WHOLE[2].trim_end_matches('='), "cut short");
}

#[test]
fn other_files_are_named() {
    check("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n", "private");
    check("-----BEGIN RSA PRIVATE KEY----- MIIE -----END RSA PRIVATE KEY-----", "private");
    check("b3BlbnNzaC1rZXktdjEAAAAABG5vbmU", "private");
    check("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", "private");
    check("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n", "ssh-keygen -i -f");
    check("-----BEGIN PUBLIC KEY-----\nMIIB\n", "-m PKCS8");
    check("-----BEGIN RSA PUBLIC KEY-----\nMIIB\n", "-m");
}

#[test]
fn options() {
    for options in [
        "cert-authority",
        "cert-authority,principals=\"root,admin\"",
        "from=\"10.0.0.0/8,!10.0.0.1\",command=\"/usr/bin/rsync --server\",no-pty",
        "command=\"echo \\\"a b\\\"\"",
        "restrict,pty,X11-forwarding",
        "no-touch-required,verify-required",
        "expiry-time=\"20300101\",environment=\"A=b\",tunnel=\"0\"",
        "permitopen=\"host:22\",permitlisten=\"8080\"",
    ] {
        assert_eq!(ssh_key(&format!("{options} {ED25519} c")), Ok(()), "{options}");
    }
    for (options, part) in [
        ("from=\"10.0.0.0/8", "quotes"),
        ("from=10.0.0.0/8", "only options"),
        ("no-restrict", "only options"),
        ("no-ptty", "only options"),
        ("no-pty, no-agent-forwarding", "begin with the key's type"),
        ("no-pty,,restrict", "only options"),
        ("no-pty,", "only options"),
        ("\u{201c}restrict\u{201d}", "only options"),
    ] {
        check(&format!("{options} {ED25519} c"), part);
    }
}
