//! PVE's permission expressions, as written in the schema.
//! A pure module: does no I/O.
// PVE: pve-access-control, RPCEnvironment.pm, exec_api2_perm_check.

use serde_json::Value;

use super::Call;
use crate::pve_sim::answer::Refusal;

/// Evaluates an expression; null allows every user.
pub(super) fn check(call: &Call, expression: &Value) -> Result<(), Refusal> {
    let Some(parts) = expression.as_array() else {
        return Ok(());
    };
    let (kind, rest) = match parts.split_first() {
        Some((kind, rest)) => (kind.as_str().unwrap_or_default(), rest),
        None => return Ok(()),
    };
    match kind {
        "and" => rest.iter().try_for_each(|part| check(call, part)),
        // PVE does not name the missing privilege here.
        "or" if rest.iter().any(|part| check(call, part).is_ok()) => Ok(()),
        "or" => Err(Refusal::permission_unnamed()),
        "perm" => one(call, rest),
        _ => Err(Refusal::unknown(format!("permission expression '{kind}'"))),
    }
}

fn one(call: &Call, parts: &[Value]) -> Result<(), Refusal> {
    let path = fill(call, parts.first().and_then(Value::as_str).unwrap_or_default());
    let listed = parts.get(1).and_then(Value::as_array).into_iter().flatten();
    let privileges: Vec<&str> = listed.filter_map(Value::as_str).collect();
    let options: Vec<&str> = parts.iter().skip(2).filter_map(Value::as_str).collect();
    if options.contains(&"require_param")
        && call.params.get(options.last().unwrap_or(&"")).is_none()
    {
        return Err(Refusal::permission_unnamed());
    }
    // PVE 8 has VM.Monitor instead of VM.GuestAgent.* (facts 52, reference 7).
    if call.world.release() < (9, 0) && privileges.iter().any(|p| p.starts_with("VM.GuestAgent")) {
        return call.world.check(call.who, &path, &["VM.Monitor"]);
    }
    if options.contains(&"any") {
        call.world.check_any(call.who, &path, &privileges)
    } else {
        call.world.check(call.who, &path, &privileges)
    }
}

fn fill(call: &Call, template: &str) -> String {
    let mut path = template.to_owned();
    for (name, value) in &call.params.0 {
        path = path.replace(&format!("{{{name}}}"), value);
    }
    path
}
