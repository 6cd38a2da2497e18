//! Rules for hardware: processor, machine type, devices. Does no I/O.

use super::definition::{Rule, is_word};

/// A CPU model. PVE: qemu-server, CPUConfig.pm: custom models start with `custom-`.
pub const CPU_MODEL: Rule = Rule::new(
    "a CPU model such as host or x86-64-v2-AES",
    |s| is_word(s, 64, "-_."),
    "^[A-Za-z0-9_.-]+$",
);

/// PVE: qemu-server, CPUFlags.pm: the only flags for VMs; `nested-virt` since 9.1.
const CPU_FLAGS: [&str; 13] = [
    "aes",
    "amd-no-ssb",
    "amd-ssbd",
    "hv-evmcs",
    "hv-tlbflush",
    "ibpb",
    "md-clear",
    "nested-virt",
    "pcid",
    "pdpe1gb",
    "spec-ctrl",
    "ssbd",
    "virt-ssbd",
];

/// A CPU flag, enabled by `+` or disabled by `-`.
pub const CPU_FLAG: Rule = Rule::new(
    "+ or - followed by a flag that PVE allows for VMs, such as +aes, -pcid or +nested-virt",
    |s| s.strip_prefix(['+', '-']).is_some_and(|flag| CPU_FLAGS.contains(&flag)),
    "^[+-][a-z0-9-]+$",
);

/// The address bits of a CPU.
pub const PHYS_BITS: Rule = Rule::new(
    "host, or a whole number from 8 to 64",
    |s| s == "host" || (is_word(s, 2, "") && s.parse().is_ok_and(|bits| (8..=64).contains(&bits))),
    "^(host|[0-9]{1,2})$",
);

/// The vendor ID of the Hyper-V interface.
pub const VENDOR_ID: Rule =
    Rule::new("1 to 12 letters and digits", |s| is_word(s, 12, ""), "^[A-Za-z0-9]{1,12}$");

/// A number, or a range of them.
pub const RANGE: Rule = Rule::new(
    "a whole number or a range such as 4-7",
    |s| {
        let (first, last) = s.split_once('-').unwrap_or((s, s));
        match (first.parse::<u32>(), last.parse::<u32>()) {
            (Ok(low), Ok(high)) => low <= high && !s.contains('+'),
            _ => false,
        }
    },
    "^[0-9]+(-[0-9]+)?$",
);

/// A machine type of QEMU.
pub const MACHINE: Rule = Rule::new(
    "a machine type such as q35, pc or pc-q35-9.2+pve1",
    is_machine,
    r"^(pc|q35|virt|(pc|pc-i440fx|pc-q35|virt)-[0-9]+(\.[0-9]+)+(\+pve[0-9]+)?(\.pxe)?)$",
);

/// PVE: qemu-server, Machine.pm, machine_fmt.
fn is_machine(s: &str) -> bool {
    if matches!(s, "pc" | "q35" | "virt") {
        return true;
    }
    let stems = ["pc-i440fx-", "pc-q35-", "pc-", "virt-"];
    let Some(version) = stems.iter().find_map(|stem| s.strip_prefix(stem)) else { return false };
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let version = version.strip_suffix(".pxe").unwrap_or(version);
    let (version, pve) = version.split_once("+pve").unwrap_or((version, "0"));
    s.len() <= 40 && digits(pve) && version.contains('.') && version.split('.').all(digits)
}

/// A PCI ID.
pub const PCI_ID: Rule = Rule::new("an ID such as 0x10de", |s| is_hex(s, 4), "^0x[0-9A-Fa-f]{4}$");

/// A mediated device.
pub const MDEV: Rule = Rule::new(
    "a mediated device type such as nvidia-63",
    |s| !s.is_empty() && !s.contains(['/', '.', ':', ',', ';', ' ']),
    "^[^/.:,; ]+$",
);

/// A drive's world-wide name.
pub const WWN: Rule =
    Rule::new("0x followed by 16 hexadecimal digits", |s| is_hex(s, 16), "^0x[0-9A-Fa-f]{16}$");

fn is_hex(s: &str, digits: usize) -> bool {
    s.strip_prefix("0x")
        .is_some_and(|hex| hex.len() == digits && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The product of a SCSI drive.
pub const PRODUCT: Rule = Rule::new(
    "at most 16 letters, digits, spaces, - and _",
    |s| is_word(s, 16, "-_ "),
    "^[A-Za-z0-9 _-]{1,16}$",
);

/// The vendor of a SCSI drive.
pub const VENDOR: Rule = Rule::new(
    "at most 8 letters, digits, spaces, - and _",
    |s| is_word(s, 8, "-_ "),
    "^[A-Za-z0-9 _-]{1,8}$",
);

/// A drive's serial number.
pub const SERIAL: Rule =
    Rule::new("at most 20 characters on one line", |s| is_line(s, 20), "^.{1,20}$");

/// An IDE drive's model.
pub const MODEL: Rule =
    Rule::new("at most 40 characters on one line", |s| is_line(s, 40), "^.{1,40}$");

/// PVE limits the encoded text, which has at most three characters per byte.
fn is_line(s: &str, longest: usize) -> bool {
    (1..=longest).contains(&s.len()) && !s.contains(char::is_control)
}

/// A date for the clock.
pub const DATE: Rule = Rule::new(
    "now, or a date such as 2026-06-17 or 2026-06-17T16:01:21",
    |s| {
        let (date, time) = s.split_once('T').unwrap_or((s, "0:0:0"));
        s == "now" || (numbers(date, '-', &[4, 2, 2]) && numbers(time, ':', &[2, 2, 2]))
    },
    r"^(now|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(T[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2})?)$",
);

/// Returns whether a text is numbers joined by a sign, each with at most this many digits; a number
/// of four digits must have all of them.
fn numbers(s: &str, sign: char, most: &[usize]) -> bool {
    let items: Vec<&str> = s.split(sign).collect();
    let fits = |(item, most): (&&str, &usize)| {
        let least = if *most == 4 { 4 } else { 1 };
        (least..=*most).contains(&item.len()) && item.bytes().all(|b| b.is_ascii_digit())
    };
    items.len() == most.len() && items.iter().zip(most).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: &Rule, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(rule.accepts(text), "{rule:?}: {text}");
        }
        for text in bad {
            assert!(!rule.accepts(text), "{rule:?}: {text}");
        }
    }

    #[test]
    fn rules_of_hardware() {
        check(&CPU_FLAG, &["+aes", "-pcid"], &["aes", "+avx", "+"]);
        check(&PHYS_BITS, &["host", "8", "64"], &["7", "65", "", "+9", "040"]);
        check(&RANGE, &["1", "4-7"], &["", "-", "7-4", "a", "1-2-3", "+1", "1-+2"]);
        check(
            &MACHINE,
            &["pc", "q35", "virt", "pc-q35-9.2", "pc-i440fx-9.2+pve1", "pc-8.1.pxe", "virt-9.0"],
            &["", "pc-q35", "pc-q35-9", "pc-q35-9.", "pc-q35-9.2+pve", "isapc", "pc-9.2+pve1+pve1"],
        );
        check(&PCI_ID, &["0x10de"], &["10de", "0x10d", "0x10deg"]);
        check(&WWN, &["0x0123456789abcdef"], &["0x0123456789abcde"]);
        check(&SERIAL, &["a b,c", "12345678901234567890"], &["", "123456789012345678901", "a\nb"]);
        check(
            &DATE,
            &["now", "2026-6-17", "2026-06-17T16:1:21"],
            &["", "26-06-17", "2026-06", "2026-06-17T16:01", "2026-06-17T", "2026-06-17T1:1:1T"],
        );
    }
}
