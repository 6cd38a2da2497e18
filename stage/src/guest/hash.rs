//! Password hashes that a guest accepts at login. Does no I/O.
//!
//! crypt(5) of libxcrypt, which Debian has since 11, lists the schemes and the form of each. A hash
//! of another form would still be written to /etc/shadow, and then nobody could log in.

use super::Rule;

/// How to create a hash that every guest accepts.
pub const HASH_HINT: &str = "run `mkpasswd -m yescrypt` or `openssl passwd -6` to make one";

/// Checks that a text is a hash that crypt(5) can compare a password with.
pub fn password_hash(text: &str) -> Rule {
    if text.starts_with(['!', '*']) {
        return Err("must be a crypt hash: `!` and `*` lock the user");
    }
    if text.contains('\\') {
        return Err("must be a crypt hash without the backslashes that a shell needs");
    }
    let Some(text) = text.strip_prefix('$') else { return Err(without_scheme(text)) };
    // crypt(5): these never occur in a hash; they have a meaning in shadow(5) or chpasswd.
    if text.contains(|c: char| !c.is_ascii_graphic() || ":;*!".contains(c)) {
        return Err("must be a crypt hash, without blanks and `:;*!`");
    }
    let mut parts = text.split('$');
    let scheme = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    let (is_whole, damaged) = match scheme {
        "y" => (yescrypt(&rest), "must be a whole $y$ hash, which ends in 43 characters"),
        "gy" => (yescrypt(&rest), "must be a whole $gy$ hash, which ends in 43 characters"),
        "7" => (scrypt(&rest), "must be a whole $7$ hash, which ends in 43 characters"),
        "6" => (sha(&rest, 86), "must be a whole $6$ hash, which ends in 86 characters"),
        "5" => (sha(&rest, 43), "must be a whole $5$ hash, which ends in 43 characters"),
        "2a" | "2b" | "2y" => {
            (bcrypt(&rest), "must be a whole bcrypt hash, which ends in 53 characters")
        }
        "1" => (md5(&rest), "must be a whole $1$ hash, which ends in 22 characters"),
        "apr1" => {
            let fact = "must be a crypt hash, not an htpasswd one: no login accepts $apr1$";
            (false, fact)
        }
        _ => (false, "must be a crypt hash that a login accepts: $y$, $gy$, $7$, $6$, $5$ or $2b$"),
    };
    if is_whole { Ok(()) } else { Err(damaged) }
}

/// Returns whether a hash uses a broken scheme that newer distributions refuse.
pub fn is_weak_hash(text: &str) -> bool {
    text.starts_with("$1$")
}

/// Returns what is wrong with a text that does not start with `$`.
fn without_scheme(text: &str) -> &'static str {
    let is_sum = matches!(text.len(), 32 | 40 | 64 | 128);
    if text.starts_with('{') {
        return "must be a crypt hash, not an LDAP one: no login accepts {SSHA} and the like";
    }
    if is_sum && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return "must be a crypt hash, not a bare checksum of the password";
    }
    "must be a crypt hash, which begins with $, not a password or a DES hash"
}

/// Returns whether a text is so long, and holds only what crypt(5) counts with.
fn is_code(text: &str, len: std::ops::RangeInclusive<usize>) -> bool {
    len.contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"./".contains(&b))
}

fn yescrypt(rest: &[&str]) -> bool {
    matches!(rest, [parameters, salt, hash]
        if is_code(parameters, 1..=16) && is_code(salt, 0..=86) && is_code(hash, 43..=43))
}

fn scrypt(rest: &[&str]) -> bool {
    // The parameters and the salt stand together.
    matches!(rest, [start, hash] if is_code(start, 11..=97) && is_code(hash, 43..=43))
}

fn sha(rest: &[&str], len: usize) -> bool {
    let rest = match rest {
        [rounds, rest @ ..] if rounds.starts_with("rounds=") => {
            let number = &rounds["rounds=".len()..];
            let in_range = number.parse().is_ok_and(|n: u32| (1_000..=999_999_999).contains(&n));
            if !in_range || !number.starts_with(|c: char| c.is_ascii_digit() && c != '0') {
                return false;
            }
            rest
        }
        rest => rest,
    };
    // A longer salt is cut by crypt(3): what it returns is never equal to such a text.
    matches!(rest, [salt, hash] if salt.len() <= 16 && is_code(hash, len..=len))
}

fn bcrypt(rest: &[&str]) -> bool {
    let cost =
        |text: &str| text.len() == 2 && text.parse().is_ok_and(|n: u8| (4..=31).contains(&n));
    matches!(rest, [rounds, hash] if cost(rounds) && is_code(hash, 53..=53))
}

fn md5(rest: &[&str]) -> bool {
    matches!(rest, [salt, hash] if salt.len() <= 8 && is_code(hash, 22..=22))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Each was made by libxcrypt 4.4.33.
    const WHOLE: [&str; 11] = [
        "$y$j9T$saltsaltsaltsalt$54kCYUTqH.THwZur5SqPRf9FE/Zv5q2MIgrmpQeRtZA",
        "$y$j9T$$NJLey1.PlKBNRXKC8paA5/oiM57RRZku22T4YZVfTGA",
        "$gy$j9T$saltsaltsaltsalt$mpBxdSEUwazkEgIB8lJMpSZL0bWzoQZqec5leyOe429",
        "$7$CU..../....saltsaltsaltsalt$RVV4L9vZYaPRXTMH1o.UZACQwUKL1E8SKGnl9Y9uFYC",
        "$6$salt$CV0p.flyrqHlPZrvH5R0ARpT37cdpwwl7wdfCx2ee4eMmJedEM2cl9lbvvg5UJ1WQ2R3QT2C7yRfr/Co4Firs.",
        "$6$$KvRrc0bxRLyTUhO8OJOmRczh7oCol5BACiR8rmdfVzvuGgm8JmLDumsL/ah.jFtT.DswxoP9Nv3ByfU4j5hm/0",
        "$6$rounds=5000$salt$wZU8LXJfJJqoagopbB7RuK6JEotEMZ0CQDy0phpPAuLMYQFcmf6L6BdAbs/Q7w7o1qsZ9pFqFVY4yuUSWgaYt1",
        "$5$rounds=1000$a$VbIDF0arCpWJaQNqhQUNvv2q0J63xNeUoG4WUjSmlQD",
        "$2b$05$abcdefghijklmnopqrstuuhKF09ZYWwH2zP/0fwE1X8e/Q1YNx/hO",
        "$2y$05$abcdefghijklmnopqrstuuhKF09ZYWwH2zP/0fwE1X8e/Q1YNx/hO",
        "$1$salt$9GHNWvCB1UrDZjPi7uags0",
    ];

    #[test]
    fn whole_hashes_and_no_piece_of_one() {
        for hash in WHOLE {
            assert_eq!(password_hash(hash), Ok(()), "{hash}");
            for end in 0..hash.len() {
                assert!(password_hash(&hash[..end]).is_err(), "{}", &hash[..end]);
            }
            assert!(password_hash(&format!("{hash}a")).is_err(), "{hash} and one more");
            for bad in [':', ' ', '\n', '!', '\\', 'é', '-', '$', '='] {
                let mut damaged = hash.to_owned();
                damaged.replace_range(hash.len() - 1.., &bad.to_string());
                assert!(password_hash(&damaged).is_err(), "{damaged}");
            }
        }
    }

    fn check(text: &str, part: &str) {
        let fact = password_hash(text).expect_err(text);
        assert!(fact.contains(part), "{text}: {fact}");
    }

    #[test]
    fn what_no_login_accepts() {
        let sha512 = WHOLE[4];
        check("$apr1$abcdefgh$0123456789abcdefghijkl", "htpasswd");
        check("{SSHA}DkMTwBl+a/3DQTxCYEApdUtNXGgdUac3", "LDAP");
        check("{CRYPT}$6$salt$x", "LDAP");
        check("5f4dcc3b5aa765d61d8327deb882cf99", "checksum");
        check(&"ab".repeat(32), "checksum");
        check("abJnggxhB/yWI", "DES");
        check("_J9..SDizh.vll5VED9g", "DES");
        check("hunter2", "not a password");
        check("", "not a password");
        check("!", "lock the user");
        check(&format!("!{sha512}"), "lock the user");
        check("*", "lock the user");
        check(&sha512.replace('$', "\\$"), "backslashes");
        check(&sha512.replace('$', "$$"), "that a login accepts");
        check("$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaA", "that a login accepts");
        check(
            "$2x$05$abcdefghijklmnopqrstuuhKF09ZYWwH2zP/0fwE1X8e/Q1YNx/hO",
            "that a login accepts",
        );
        check("$3$$a9f0dd57e1edab5bb55a9ac0a99c15ec", "that a login accepts");
        check("$2b$03$abcdefghijklmnopqrstuuhKF09ZYWwH2zP/0fwE1X8e/Q1YNx/hO", "bcrypt");
        check("$2b$5$abcdefghijklmnopqrstuuhKF09ZYWwH2zP/0fwE1X8e/Q1YNx/hOa", "bcrypt");
        check(&sha512.replace("salt", "rounds=999$salt"), "$6$");
        check(&sha512.replace("salt", "rounds=05000$salt"), "$6$");
        check(&sha512.replace("salt", "rounds=+5000$salt"), "$6$");
        check(&sha512.replace("salt", "saltsaltsaltsalts"), "$6$");
        check("pbkdf2_sha256$260000$salt$hash", "not a password");
    }

    #[test]
    fn md5_is_weak() {
        assert!(is_weak_hash(WHOLE[10]) && !is_weak_hash(WHOLE[4]));
    }
}
