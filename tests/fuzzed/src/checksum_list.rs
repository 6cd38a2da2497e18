//! Lists of checksums, as builders of images publish them.

use image_publish::memory::{Listed, look_up};
use std::collections::BTreeSet;

/// The input is a list; its first line has the name of the file that is looked for.
///
/// A checksum that is found is in the list, on a line with the file's name if others are there too; the same is found whatever
/// the order of the lines, their ends, the case of the digits and what else the list has; digits of another algorithm
/// never count.
pub fn checksum_list(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Some((file, list)) = text.split_once('\n') else { return };
    if file.is_empty() || file.contains('/') || file != file.trim() {
        return;
    }
    for alone in [false, true] {
        let found = look_up(list, file, alone);
        assert_eq!(look_up(list, file, alone), found);
        same_in_other_spellings(list, file, alone, &found);
        if let Listed::Sum(sum) = &found {
            is_in(sum, list, file, alone);
        }
    }
}

fn is_in(sum: &str, list: &str, file: &str, alone: bool) {
    let (algorithm, hex) = sum.split_once(':').unwrap();
    let digits = match algorithm {
        "sha256" => 64,
        "sha512" => 128,
        other => panic!("{other}"),
    };
    assert!(hex.len() == digits && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
    let lines: Vec<String> =
        list.lines().map(str::to_lowercase).filter(|line| line.contains(hex)).collect();
    assert!(!lines.is_empty(), "{sum} is not in the list");
    let sums: BTreeSet<String> = list.lines().filter_map(digits_of).collect();
    let name = file.to_lowercase();
    let is_named = lines.iter().any(|line| line.contains(&name));
    assert!(is_named || sums.len() <= 1, "{sum} is another file's");
    assert!(
        alone
            || is_named
            || lines.iter().any(|line| line.trim_start_matches('\u{feff}').trim() == hex)
    );
}

fn same_in_other_spellings(list: &str, file: &str, alone: bool, found: &Listed) {
    let same = |other: &str| assert_eq!(look_up(other, file, alone), *found, "{other:?}");
    let lines: Vec<&str> = list.lines().collect();
    same(&lines.join("\r\n"));
    same(&format!("# a comment\n\n{}", lines.join("\n")));
    same(&lines.iter().rev().copied().collect::<Vec<_>>().join("\n"));
    let other = format!("{}  another-file-of-the-fuzzer", "0f".repeat(32));
    let blake = format!("BLAKE2b ({file}) = {}", "0f".repeat(64));
    same(&format!("{}\n{blake}", lines.join("\n")));
    // With a second file, a checksum without a name is nobody's.
    if matches!(found, Listed::Sum(_)) && !alone {
        let more = look_up(&format!("{}\n{other}", lines.join("\n")), file, alone);
        let is_nobodys = more == Listed::NotListed && !has_name(list, file);
        assert!(more == *found || is_nobodys, "{more:?}");
    }
}

/// Returns whether a checksum has this name after its digits or in parentheses.
fn has_name(list: &str, file: &str) -> bool {
    let mut lines = list.lines().filter(|line| digits_of(line).is_some());
    let is_behind = |line: &str| {
        let name = line.trim().split_once(char::is_whitespace).map(|(_, name)| name);
        name.is_some_and(|name| name.ends_with(file))
    };
    lines.any(|line| is_behind(line) || line.contains(&format!("({file})")))
}

/// Returns the digits of a line that begins with them, or has them behind a name of their algorithm.
fn digits_of(line: &str) -> Option<String> {
    let line = line.trim_start_matches('\u{feff}').trim().to_lowercase();
    let mut words = line.split_whitespace();
    let (first, last) = (words.next()?, words.last().unwrap_or_default());
    if is_digits(first) {
        return Some(first.to_owned());
    }
    let label = line.split('(').next().unwrap_or_default().trim_end();
    let digits = match label.strip_prefix("sha2-").or(label.strip_prefix("sha-")) {
        Some(bits) => bits,
        None => label.strip_prefix("sha")?,
    };
    let is_its_own = matches!((digits, last.len()), ("256", 64) | ("512", 128));
    // A name with the end of a name in it has two readings.
    let name = [")= ", ") = "].iter().find_map(|end| line.strip_suffix(&format!("{end}{last}")));
    let is_of_a_name = name.is_some_and(|name| !name.contains(")= ") && !name.contains(") = "));
    (is_its_own && is_of_a_name && is_digits(last)).then(|| last.to_owned())
}

fn is_digits(word: &str) -> bool {
    matches!(word.len(), 64 | 128) && word.bytes().all(|b| b.is_ascii_hexdigit())
}
