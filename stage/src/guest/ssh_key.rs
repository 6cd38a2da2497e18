//! Lines of authorized_keys that let somebody log in. Does no I/O.
//!
//! OpenSSH: sshkey.c, sshkey_read and sshkey_from_blob_internal, and auth2-pubkeyfile.c: sshd
//! silently skips a line that it cannot read, and nobody can log in with that key.

use super::Rule;
use data_encoding::BASE64;

/// The key type with an RSA modulus.
const RSA: &str = "ssh-rsa";

/// The hint for every invalid public key.
pub const SSH_KEY_HINT: &str =
    "copy the whole line of the .pub file, such as ~/.ssh/id_ed25519.pub, and keep it on one line";

/// Checks that a text is a line of authorized_keys that sshd accepts for a login.
pub fn ssh_key(text: &str) -> Rule {
    not_another_file(text)?;
    if text.contains(|c: char| c.is_control()) {
        return Err("must be one public key on one line, without control characters");
    }
    let (kind, rest) = typed(text)?;
    if kind == "ssh-dss" {
        return Err("must not be a DSA key: sshd refuses them");
    }
    // auth2-pubkeyfile.c, auth_check_authkey_line: compared are plain keys, and the key of the CA.
    if kind.ends_with("-cert-v01@openssh.com") {
        return Err("must not be a certificate: sshd looks for the public key, \
                    or for the CA's with `cert-authority`");
    }
    let (code, comment) = rest.split_once(' ').unwrap_or((rest, ""));
    if code.is_empty() {
        return Err("must have the key's base64 after its type");
    }
    let Ok(blob) = BASE64.decode(code.as_bytes()) else { return Err(broken_base64(comment)) };
    match read(kind, &blob) {
        None => return Err(broken_base64(comment)),
        Some(Err(fact)) => return Err(fact),
        Some(Ok(())) => {}
    }
    let words: Vec<&str> = comment.split(' ').filter(|word| !word.is_empty()).collect();
    if words.windows(2).any(|pair| is_type(pair[0]) && pair[1].starts_with("AAAA")) {
        return Err("must be one key: sshd reads a second one on the line as a comment");
    }
    Ok(())
}

/// Returns whether a text is meant as a key, complete or not, rather than as the name of one.
pub fn is_meant_as_key(text: &str) -> bool {
    let mut words = text.split([' ', '\n']);
    words.any(|word| is_type(word) || word.starts_with("AAAA"))
        || not_another_file(text).is_err() && !text.trim().is_empty()
}

/// Refuses a text that cannot be a line of authorized_keys.
fn not_another_file(text: &str) -> Rule {
    if text.trim().is_empty() {
        return Err("must not be empty");
    }
    // The first bytes of OpenSSH's private keys, in case they come without the PEM frame.
    let private = ["PRIVATE KEY", "PuTTY-User-Key-File", "b3BlbnNzaC1rZXktdjE"];
    if private.iter().any(|mark| text.contains(mark)) {
        return Err("must be a public key, not a private one");
    }
    if text.contains("BEGIN SSH2 PUBLIC KEY") {
        return Err("must be a public key in OpenSSH's form: `ssh-keygen -i -f FILE` prints it");
    }
    if text.contains("BEGIN ") && text.contains("PUBLIC KEY") {
        return Err("must be a public key in OpenSSH's form: \
                    `ssh-keygen -i -m PKCS8 -f FILE` prints it");
    }
    Ok(())
}

/// Returns the key's type and the text after it, without the options before it.
fn typed(text: &str) -> Result<(&str, &str), &'static str> {
    const MUST: &str = "must begin with the key's type, such as ssh-ed25519, \
                        or with options of authorized_keys and then the type";
    let (first, rest) = word(text);
    if is_type(first) {
        return Ok((first, rest));
    }
    let (options, rest) = split_options(text.trim_start_matches(' '))
        .ok_or("must close the quotes of its options: sshd skips the line")?;
    let (kind, rest) = word(rest);
    if !is_type(kind) {
        return Err(MUST);
    }
    if !options.iter().all(|option| is_option(option)) {
        return Err("must have only options of authorized_keys before its type, \
                    with commas between: sshd skips the line");
    }
    Ok((kind, rest))
}

/// Returns the first word and the text after it. Words end at sshd's whitespace, not Unicode's.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches(' ');
    text.split_once(' ').map_or((text, ""), |(word, rest)| (word, rest.trim_start_matches(' ')))
}

/// Returns whether a word is a key type, including those of a later OpenSSH.
fn is_type(word: &str) -> bool {
    let families = ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"];
    let sign = |b: u8| b.is_ascii_alphanumeric() || b"-.@".contains(&b);
    families.iter().any(|family| word.starts_with(family)) && word.bytes().all(sign)
}

/// Returns the options at the start of a line and the text after them; `None` for an unclosed quote.
fn split_options(text: &str) -> Option<(Vec<&str>, &str)> {
    let (mut options, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    let mut end = text.len();
    for (at, c) in text.char_indices() {
        match c {
            '"' if !escaped => quoted = !quoted,
            ',' if !quoted => {
                options.push(&text[start..at]);
                start = at + 1;
            }
            ' ' if !quoted => {
                end = at;
                break;
            }
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    options.push(&text[start..end]);
    (!quoted).then(|| (options, &text[end..]))
}

/// Returns whether sshd knows an option. OpenSSH: auth-options.c, sshauthopt_parse.
fn is_option(option: &str) -> bool {
    const FLAGS: [&str; 7] = [
        "touch-required",
        "verify-required",
        "pty",
        "port-forwarding",
        "agent-forwarding",
        "x11-forwarding",
        "user-rc",
    ];
    const VALUES: [&str; 8] = [
        "principals",
        "command",
        "environment",
        "from",
        "expiry-time",
        "permitopen",
        "permitlisten",
        "tunnel",
    ];
    let lower = option.to_ascii_lowercase();
    match lower.split_once('=') {
        Some((name, value)) => {
            let is_quoted = value.len() >= 2 && value.starts_with('"') && value.ends_with('"');
            VALUES.contains(&name) && is_quoted
        }
        None if lower == "cert-authority" || lower == "restrict" => true,
        None => FLAGS.contains(&lower.strip_prefix("no-").unwrap_or(&lower)),
    }
}

/// Returns the error for base64 that is invalid or ends too early; `rest` is the text after it.
fn broken_base64(rest: &str) -> &'static str {
    let next = rest.trim_start_matches(' ').split(' ').next().unwrap_or_default();
    let sign = |b: u8| b.is_ascii_alphanumeric() || b"+/=".contains(&b);
    // A comment is usually user@host.
    if next.len() >= 16 && next.bytes().all(sign) {
        return "must not have spaces in its base64: YAML adds them where it folds lines (`>-`)";
    }
    "must be a whole public key: its base64 is cut short or damaged"
}

/// Reads the fields of a key; `None` if they are incomplete.
fn read(kind: &str, blob: &[u8]) -> Option<Rule> {
    let mut fields = Fields(blob);
    if fields.next()? != kind.as_bytes() {
        return Some(Err("must have a key of the type it names: its base64 is of another type"));
    }
    match kind {
        RSA => {
            let bits = fields.next().and(fields.next()).map(bits)?;
            fields.end()?;
            // OpenSSH: sshd_config(5), RequiredRSASize.
            if bits < 1024 {
                return Some(Err("must have at least 1024 bits: sshd refuses shorter RSA keys"));
            }
        }
        "ssh-ed25519" => {
            fields.sized(32)?;
            fields.end()?;
        }
        "sk-ssh-ed25519@openssh.com" => {
            fields.sized(32)?;
            fields.next()?;
            fields.end()?;
        }
        "sk-ecdsa-sha2-nistp256@openssh.com" => {
            fields.point("nistp256")?;
            fields.next()?;
            fields.end()?;
        }
        _ => match kind.strip_prefix("ecdsa-sha2-") {
            Some(curve) => {
                fields.point(curve)?;
                fields.end()?;
            }
            // A type that a later OpenSSH may know.
            None => {
                while !fields.0.is_empty() {
                    fields.next()?;
                }
            }
        },
    }
    Some(Ok(()))
}

/// Returns the number of bits of a number.
fn bits(number: &[u8]) -> usize {
    let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    let number = &number[start..];
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

/// The remaining fields of a key, each with its length in four bytes before it. RFC 4251, 5.
struct Fields<'b>(&'b [u8]);

impl<'b> Fields<'b> {
    /// Reads the next field.
    fn next(&mut self) -> Option<&'b [u8]> {
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        let (field, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        self.0 = rest;
        Some(field)
    }

    /// Reads a field of this length.
    fn sized(&mut self, length: usize) -> Option<&'b [u8]> {
        self.next().filter(|field| field.len() == length)
    }

    /// Reads the name of a curve and an uncompressed point of it. RFC 5656, 3.1.
    fn point(&mut self, curve: &str) -> Option<()> {
        let length = match curve {
            "nistp256" => 65,
            "nistp384" => 97,
            "nistp521" => 133,
            _ => return None,
        };
        (self.next()? == curve.as_bytes()).then_some(())?;
        (self.sized(length)?.first() == Some(&4)).then_some(())
    }

    /// Returns whether no field is left.
    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests;
