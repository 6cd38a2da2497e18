//! Rules for vnets. Does no I/O.

use super::{Faults, with_article};
use crate::sdn::alias::longest_alias;
use crate::sdn::config::Problem;
use crate::sdn::network::{Network, Vnet};
use crate::sdn::object::Object;
use crate::sdn::row::ZoneType;

/// The words of pve-apply's mark, by which it recognizes its networks.
const MARK: [&str; 4] = ["site=", "net=", "zone=", "run="];

/// Interfaces that nodes have; a vnet is an interface with its name.
const INTERFACES: [&str; 4] = ["bond", "eth", "vlan", "vmbr"];

pub(super) fn validate(network: &Network, vnet: &Vnet, site: &str, faults: &mut Faults) {
    name(vnet, faults);
    tag(network.ty, vnet, faults);
    alias(network, vnet, site, faults);
    // PVE: pve-network, VnetPlugin.pm, on_update_hook.
    if vnet.config.is_on("vlanaware") && !vnet.subnets.is_empty() {
        faults.refused(vnet.at, "vlanaware", "cannot be combined with subnets");
    }
}

fn name(vnet: &Vnet, faults: &mut Faults) {
    let is_number = |digits: &str| digits.parse::<u32>().is_ok();
    let is_interface = vnet.vnet == "lo"
        || INTERFACES.iter().any(|stem| vnet.vnet.strip_prefix(stem).is_some_and(is_number));
    if is_interface {
        let fact =
            format!("a vnet cannot be called \"{}\", like an interface of a node", vnet.vnet);
        faults.push(vnet.at, Problem::error(None, "invalid-name", fact));
    }
}

/// PVE: facts-2, 6 and 8.
fn tag(ty: ZoneType, vnet: &Vnet, faults: &mut Faults) {
    let Some(row) = Object::Vnet.row("tag") else { return };
    match vnet.config.number("tag") {
        Some(_) if !row.is_accepted_in(ty) => {
            let fact = format!("cannot be set in {} zone", with_article(ty));
            faults.refused(vnet.at, "tag", fact);
        }
        Some(tag) if !ty.has_vnis() && tag > 4094 => {
            let zone = with_article(ty);
            let fact = format!("must be a VLAN tag from 1 to 4094 in {zone} zone, not {tag}");
            faults.push(vnet.at, Problem::error("tag", "invalid-value", fact));
        }
        None if row.required.contains(&ty) => {
            let fact = format!("a vnet in {} zone requires `tag`", with_article(ty));
            faults.push(vnet.at, Problem::error(None, "missing-field", fact));
        }
        _ => {}
    }
}

fn alias(network: &Network, vnet: &Vnet, site: &str, faults: &mut Faults) {
    let Some(alias) = vnet.config.get("alias") else { return };
    let longest = longest_alias(site, &network.zone);
    if alias.len() > longest {
        let fact = format!(
            "has {} characters, but only {longest} fit: pve-apply adds its mark",
            alias.len()
        );
        faults.push(vnet.at, Problem::error("alias", "invalid-value", fact));
    }
    let is_mark = |word: &str| MARK.iter().find(|key| word.starts_with(**key));
    if let Some(key) = alias.split(' ').find_map(is_mark) {
        let fact = format!("must not have a word with `{key}`, as in pve-apply's mark");
        faults.push(vnet.at, Problem::error("alias", "invalid-value", fact));
    }
}
