//! Hints: "did you mean", or the list of known names. Does no I/O.

/// How many names fit on a line.
const LISTED: usize = 12;

/// Returns the name that the user most likely meant.
pub fn near<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    // Presets were formerly called `small`, and are now called `vm-small`.
    let likeness = |name: &str| {
        let plain = name.to_lowercase();
        let renamed =
            plain.strip_prefix("vm-") == Some(&wrong) || wrong.strip_prefix("vm-") == Some(&plain);
        if renamed { 1.0 } else { strsim::normalized_damerau_levenshtein(&wrong, &plain) }
    };
    let scored = names.map(|name| (likeness(name), name)).filter(|(score, _)| *score >= 0.6);
    scored.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1))).map(|(_, name)| name)
}

/// Returns the hint for an unknown key.
pub fn key<'a>(wrong: &str, names: impl Iterator<Item = &'a str> + Clone) -> String {
    match near(wrong, names.clone()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("expected one of: {}", list(names)),
    }
}

/// Returns the hint for a reference to something that does not exist; `place` is where it would be.
pub fn reference<'a>(
    wrong: &str,
    place: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> String {
    let has = if place.contains(" and ") { "have" } else { "has" };
    match near(wrong, names.clone()) {
        Some(name) => format!("did you mean \"{name}\"?"),
        None if names.clone().next().is_none() => format!("{place} {has} none"),
        None => format!("{place} {has} {}", list(names)),
    }
}

/// Returns the first names, and the number of the others.
pub fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let shown = names.iter().take(LISTED).copied().collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(LISTED) {
        Some(more) if more > 0 => format!("{shown} and {more} more"),
        _ => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wrong: &str, names: &[&str], expected: Option<&str>) {
        assert_eq!(near(wrong, names.iter().copied()), expected, "{wrong}");
    }

    #[test]
    fn the_likeliest_is_meant() {
        check("memroy", &["name", "memory", "disk"], Some("memory"));
        check("small", &["vm-large", "vm-small"], Some("vm-small"));
        check("vm-small", &["small", "smaller"], Some("small"));
        check("WEB", &["web"], Some("web"));
        check("zzz", &["name", "memory"], None);
        check("x", &[], None);
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..14).map(|i| format!("n{i}")).collect();
        let text = list(names.iter().map(String::as_str));
        assert!(text.ends_with("n11 and 2 more"), "{text}");
    }
}
