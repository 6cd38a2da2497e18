//! What a new VM's guest gets, for people who read the plan. Does no I/O.

use serde_json::Value;
use stage::{Deployment, Vm};

/// Returns each field that is set with its printable value: for a secret, only that it is set.
pub(super) fn shown(deployment: &Deployment, vm: &Vm) -> Vec<(String, String)> {
    let mut lines = addresses(vm);
    let mut line = |field: &str, values: Vec<String>| {
        if !values.is_empty() {
            lines.push((field.to_owned(), values.join(", ")));
        }
    };
    let site = &deployment.cloud_init;
    let of_site = |key: &str| texts(site.get(key));
    line("dns_servers", vm.dns_servers.clone().unwrap_or_else(|| of_site("dns_servers")));
    line("search_domains", vm.search_domains.clone().unwrap_or_else(|| of_site("search_domains")));
    if vm.custom_user_data.is_some() {
        line("user_data_file", vec!["yes".to_owned()]);
    } else {
        let user = vm.user.as_ref().unwrap_or(&deployment.automation_user);
        line("user", Vec::from_iter((!user.is_empty()).then(|| user.clone())));
        let keys = vm.ssh_keys.as_ref().unwrap_or(&deployment.ssh_keys).len();
        line("ssh_keys", Vec::from_iter((keys > 0).then(|| keys.to_string())));
        let mut packages = of_site("packages");
        packages.extend(texts(vm.cloud_init.get("packages")));
        packages.extend(vm.packages.iter().cloned());
        line("packages", packages);
        line("spec", Vec::from_iter((!vm.spec.is_empty()).then(|| vm.spec.clone())));
        line("boot_scenario", Vec::from_iter(vm.boot_scenario.clone()));
        line("nested_pve", Vec::from_iter(vm.nested_pve.then(|| "yes".to_owned())));
        let has_token = !vm.auth_token.expose().is_empty();
        line("token", Vec::from_iter(has_token.then(|| "yes".to_owned())));
    }
    lines
}

/// Returns each NIC's addresses and gateways under their YAML names: net0 in the short form.
fn addresses(vm: &Vm) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    let mut line = |slot: &str, field: &str, values: Vec<&str>| {
        let field = if slot == "net0" { field.to_owned() } else { format!("{slot}.{field}") };
        if !values.is_empty() {
            lines.push((field, values.join(", ")));
        }
    };
    match &vm.nics {
        Some(nics) => {
            for nic in nics {
                line(&nic.slot, "ip", nic.ips.iter().map(String::as_str).collect());
                line(&nic.slot, "gateway", nic.gateways.iter().map(String::as_str).collect());
            }
        }
        None => {
            line("net0", "ip", vec![&vm.ip]);
            line("net0", "gateway", vm.gateway.as_deref().into_iter().collect());
        }
    }
    lines
}

/// Returns the texts of a list, and nothing for anything else.
fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}
