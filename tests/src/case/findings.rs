//! Reduces findings on stderr to code and place, so that a new wording changes few cases.
//!
//! With `PVE_PIPELINE_LOG=codes`, the first line of each finding ends with `[CODE]`. What
//! remains of a finding is `TOOL: error: PLACE [CODE]`. Everything else is unchanged.

/// Returns the text with each finding reduced to one line.
pub(super) fn reduced(text: &str) -> String {
    let mut out = String::new();
    let mut in_finding = false;
    for line in text.split_inclusive('\n') {
        if in_finding && line.starts_with("  ") {
            continue;
        }
        let finding = finding(line);
        in_finding = finding.is_some();
        out.push_str(finding.as_deref().unwrap_or(line));
    }
    out
}

/// Returns the short form of the first line of a finding.
fn finding(line: &str) -> Option<String> {
    let (rest, code) = line.strip_suffix("]\n")?.rsplit_once(" [")?;
    let is_code = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let (tool, rest) = rest.split_once(": ")?;
    if code.is_empty() || !code.chars().all(is_code) || tool.contains(' ') {
        return None;
    }
    let severities = ["error: ", "warning: "].into_iter();
    let severity = severities.clone().find(|word| rest.starts_with(word)).unwrap_or_default();
    let place = place(&rest[severity.len()..]);
    Some(match place {
        "" => format!("{tool}: {severity}[{code}]\n"),
        place => format!("{tool}: {severity}{place} [{code}]\n"),
    })
}

/// Returns the place at the start of a finding; empty if it starts with its fact.
fn place(text: &str) -> &str {
    let end = |from: usize| text[from..].find(": ").map(|at| from + at);
    let Some(first) = end(0) else { return "" };
    let place = &text[..first];
    let is_node = place.starts_with("node ") && place.split(' ').count() <= 4;
    let is_named = ["image \"", "storage \"", "--"].iter().any(|start| place.starts_with(start));
    match place {
        // A field of the document is one word of names, dots and brackets.
        "stdin" => match end(first + 2) {
            Some(second) if !text[first + 2..second].contains([' ', '"']) => &text[..second],
            _ => place,
        },
        _ if is_node || is_named || !place.contains(' ') => place,
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::reduced;

    #[test]
    fn a_finding_is_reduced_to_code_and_place() {
        let check = |given: &str, expected: &str| assert_eq!(reduced(given), expected);
        check(
            "resolve: error: vms/a.yaml:3:5: `x` must be 1: why [invalid-value]\n  3 | x\n  hint: y\nresolve: 2 errors\n",
            "resolve: error: vms/a.yaml:3:5 [invalid-value]\nresolve: 2 errors\n",
        );
        check(
            "t: error: stdin: vms[1].disk: must be a: b [wrong-type]\n",
            "t: error: stdin: vms[1].disk [wrong-type]\n",
        );
        check("t: error: stdin: is not JSON: x [not-json]\n", "t: error: stdin [not-json]\n");
        check("t: stdin: no document [no-document]\n", "t: stdin [no-document]\n");
        check(
            "t: error: node pve1, vmid 3: \"a\": b [x]\n  task UPID\n+ b\n      c\n",
            "t: error: node pve1, vmid 3 [x]\n+ b\n      c\n",
        );
        check("t: error: 1 of 2 VMs failed: why [vms-failed]\n", "t: error: [vms-failed]\n");
        check("t: a [B]\n  c\nt: d\n", "t: a [B]\n  c\nt: d\n");
    }
}
