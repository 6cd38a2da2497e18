//! From a request to its answer: permission, parameters, rule.
//! A pure module: does no I/O.

mod access;
mod agent;
mod checks;
mod clone;
mod cluster;
mod config;
mod content;
mod ha;
mod hardware;
mod lxc;
mod migrate;
mod nodes;
mod permission;
mod qemu;
mod sdn;
mod sdn_objects;
mod sdn_subnets;
mod sdn_vnets;
mod sdn_zones;
mod status;
mod storage;
mod tasks;
mod upload;

use serde_json::Value;

use super::answer::{Refusal, Reply};
use super::multipart::Upload;
use super::params::{self, Params};
use super::schema;
use super::since;
use super::world::World;
use super::world::access::Who;
use super::world::work::Work;

/// A request being served: the world, the caller, and the parameters.
pub(crate) struct Call<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) who: &'a Who,
    pub(crate) params: Params,
    pub(crate) upload: Option<Upload>,
}

type Handler = fn(&mut Call) -> Reply;

/// Every supported endpoint: method, template, handler.
pub(super) const ROUTES: [(&str, &str, Handler); 98] = [
    ("GET", "/version", nodes::version),
    ("GET", "/nodes", nodes::list),
    ("GET", "/nodes/{node}/status", nodes::status),
    ("GET", "/nodes/{node}/network", nodes::network),
    ("GET", "/nodes/{node}/apt/versions", nodes::packages),
    ("GET", "/nodes/{node}/query-url-metadata", nodes::url_metadata),
    ("GET", "/nodes/{node}/capabilities/qemu/cpu", hardware::models),
    ("GET", "/nodes/{node}/capabilities/qemu/machines", hardware::machines),
    ("GET", "/cluster/mapping/pci", hardware::pci),
    ("GET", "/cluster/mapping/usb", hardware::usb),
    ("GET", "/cluster/mapping/dir", hardware::directories),
    ("GET", "/nodes/{node}/qemu", qemu::list),
    ("POST", "/nodes/{node}/qemu", qemu::create),
    ("GET", "/nodes/{node}/qemu/{vmid}", qemu::index),
    ("DELETE", "/nodes/{node}/qemu/{vmid}", qemu::destroy),
    ("GET", "/nodes/{node}/qemu/{vmid}/config", config::get),
    ("PUT", "/nodes/{node}/qemu/{vmid}/config", config::put),
    ("POST", "/nodes/{node}/qemu/{vmid}/config", config::post),
    ("GET", "/nodes/{node}/qemu/{vmid}/pending", config::pending),
    ("PUT", "/nodes/{node}/qemu/{vmid}/resize", config::resize),
    ("POST", "/nodes/{node}/qemu/{vmid}/move_disk", config::move_disk),
    ("PUT", "/nodes/{node}/qemu/{vmid}/unlink", config::unlink),
    ("GET", "/nodes/{node}/qemu/{vmid}/feature", clone::feature),
    ("POST", "/nodes/{node}/qemu/{vmid}/template", clone::template),
    ("POST", "/nodes/{node}/qemu/{vmid}/clone", clone::clone),
    ("GET", "/nodes/{node}/qemu/{vmid}/migrate", migrate::preconditions),
    ("POST", "/nodes/{node}/qemu/{vmid}/migrate", migrate::migrate),
    ("GET", "/nodes/{node}/qemu/{vmid}/status/current", status::current),
    ("POST", "/nodes/{node}/qemu/{vmid}/status/start", status::start),
    ("POST", "/nodes/{node}/qemu/{vmid}/status/stop", status::stop),
    ("POST", "/nodes/{node}/qemu/{vmid}/status/shutdown", status::shutdown),
    ("POST", "/nodes/{node}/qemu/{vmid}/status/reboot", status::reboot),
    ("POST", "/nodes/{node}/qemu/{vmid}/agent/ping", agent::ping),
    ("POST", "/nodes/{node}/qemu/{vmid}/agent/fsfreeze-status", agent::fsfreeze_status),
    ("GET", "/nodes/{node}/qemu/{vmid}/agent/network-get-interfaces", agent::interfaces),
    ("GET", "/nodes/{node}/qemu/{vmid}/agent/get-osinfo", agent::osinfo),
    ("POST", "/nodes/{node}/qemu/{vmid}/agent/exec", agent::exec),
    ("GET", "/nodes/{node}/qemu/{vmid}/agent/exec-status", agent::exec_status),
    ("GET", "/nodes/{node}/qemu/{vmid}/agent/file-read", agent::file_read),
    ("GET", "/nodes/{node}/storage", storage::on_node),
    ("GET", "/nodes/{node}/storage/{storage}/status", storage::status),
    ("GET", "/nodes/{node}/storage/{storage}/content", content::list),
    ("POST", "/nodes/{node}/storage/{storage}/content", content::allocate),
    ("GET", "/nodes/{node}/storage/{storage}/content/{volume}", content::get),
    ("DELETE", "/nodes/{node}/storage/{storage}/content/{volume}", content::delete),
    ("POST", "/nodes/{node}/storage/{storage}/upload", upload::upload),
    ("POST", "/nodes/{node}/storage/{storage}/download-url", upload::download_url),
    ("GET", "/storage", storage::list),
    ("GET", "/storage/{storage}", storage::get),
    ("PUT", "/storage/{storage}", storage::put),
    ("GET", "/nodes/{node}/tasks", tasks::on_node),
    ("GET", "/nodes/{node}/tasks/{upid}/status", tasks::status),
    ("GET", "/nodes/{node}/tasks/{upid}/log", tasks::log),
    ("DELETE", "/nodes/{node}/tasks/{upid}", tasks::stop),
    ("GET", "/cluster/tasks", tasks::on_cluster),
    ("GET", "/cluster/resources", cluster::resources),
    ("GET", "/cluster/nextid", cluster::nextid),
    ("GET", "/cluster/status", cluster::status),
    ("GET", "/cluster/options", cluster::options),
    ("GET", "/cluster/ha/resources", ha::resources),
    ("GET", "/cluster/ha/resources/{sid}", ha::resource),
    ("PUT", "/cluster/ha/resources/{sid}", ha::change),
    ("GET", "/cluster/ha/status/current", ha::status),
    ("GET", "/access/permissions", access::permissions),
    ("GET", "/pools", access::pools),
    ("POST", "/pools", access::create_pool),
    ("PUT", "/pools", access::change_pool),
    ("DELETE", "/pools", access::delete_pool),
    ("GET", "/pools/{poolid}", access::pool),
    ("PUT", "/pools/{poolid}", access::change_pool),
    ("DELETE", "/pools/{poolid}", access::delete_pool),
    ("GET", "/nodes/{node}/sdn/zones", sdn::on_node),
    ("GET", "/nodes/{node}/sdn/zones/{zone}/content", sdn::content),
    ("GET", "/cluster/sdn", sdn::index),
    ("PUT", "/cluster/sdn", sdn::apply),
    ("POST", "/cluster/sdn/lock", sdn::lock),
    ("DELETE", "/cluster/sdn/lock", sdn::unlock),
    ("POST", "/cluster/sdn/rollback", sdn::rollback),
    ("GET", "/cluster/sdn/zones", sdn_zones::list),
    ("POST", "/cluster/sdn/zones", sdn_zones::create),
    ("GET", "/cluster/sdn/zones/{zone}", sdn_zones::read),
    ("PUT", "/cluster/sdn/zones/{zone}", sdn_zones::update),
    ("DELETE", "/cluster/sdn/zones/{zone}", sdn_zones::delete),
    ("GET", "/cluster/sdn/vnets", sdn_vnets::list),
    ("POST", "/cluster/sdn/vnets", sdn_vnets::create),
    ("GET", "/cluster/sdn/vnets/{vnet}", sdn_vnets::read),
    ("PUT", "/cluster/sdn/vnets/{vnet}", sdn_vnets::update),
    ("DELETE", "/cluster/sdn/vnets/{vnet}", sdn_vnets::delete),
    ("GET", "/cluster/sdn/vnets/{vnet}/subnets", sdn_subnets::list),
    ("POST", "/cluster/sdn/vnets/{vnet}/subnets", sdn_subnets::create),
    ("GET", "/cluster/sdn/vnets/{vnet}/subnets/{subnet}", sdn_subnets::read),
    ("PUT", "/cluster/sdn/vnets/{vnet}/subnets/{subnet}", sdn_subnets::update),
    ("DELETE", "/cluster/sdn/vnets/{vnet}/subnets/{subnet}", sdn_subnets::delete),
    ("GET", "/cluster/sdn/controllers", sdn::controllers),
    ("GET", "/cluster/sdn/fabrics/all", sdn::fabrics),
    ("GET", "/cluster/sdn/dry-run", sdn::dry_run),
    ("GET", "/nodes/{node}/lxc/{vmid}/config", lxc::config),
    ("GET", "/nodes/{node}/lxc/{vmid}/pending", lxc::pending),
];

/// Answers one request of a known caller.
pub(crate) fn serve(
    world: &mut World,
    who: &Who,
    method: &str,
    path: &str,
    params: Params,
    upload: Option<Upload>,
) -> Reply {
    let unknown = || Refusal::unknown(format!("Method '{method} {path}' not implemented"));
    let (endpoint, taken) = schema::find(method, path).ok_or_else(unknown)?;
    let (_, _, handler) = ROUTES
        .iter()
        .find(|(verb, template, _)| *verb == method && *template == endpoint.path)
        .ok_or_else(unknown)?;
    if !since::has(endpoint, world.release()) {
        return Err(Refusal::status(501, format!("Method '{method} {path}' not implemented")));
    }
    let mut call = Call { world, who, params, upload };
    for (name, value) in taken {
        // PVE: pve-manager, HTTPServer.pm, rest_handler: repeating the same value is allowed.
        if call.params.get(&name).is_some_and(|given| given != value) {
            let text = "duplicate parameter (already defined in URI) with conflicting values!";
            return Err(Refusal::parameter(&name, text));
        }
        call.params.0.insert(name, value);
    }
    // PVE: pve-http-server and pve-manager, HTTPServer.pm, rest_handler: privileges first, then
    // the way to the node, then the parameters.
    permission::check(&call, &endpoint.permissions)?;
    if endpoint.proxyto.as_deref() == Some("node") {
        call.world.reachable_node(call.params.text("node"))?;
    }
    // Mappings are checked on the given node.
    if let Some(node) =
        call.params.get("check-node").filter(|_| endpoint.path.contains("/mapping/"))
    {
        call.world.reachable_node(node)?;
    }
    params::verify(endpoint, &call.params, call.world.release())?;
    checks::check_known_model(&call)?;
    handler(&mut call)
}

impl Call<'_> {
    pub(crate) fn node(&self) -> String {
        self.params.text("node").to_owned()
    }

    pub(crate) fn vmid(&self) -> u32 {
        self.params.text("vmid").parse().unwrap_or_default()
    }

    /// Starts a task and answers with its UPID.
    pub(crate) fn fork(&mut self, kind: &str, id: impl ToString, work: Work) -> Reply {
        let node = self.node();
        let upid = self.world.fork(&node, kind, &id.to_string(), self.who, work);
        Ok(Value::from(upid).into())
    }

    /// Refuses `skiplock` and the like, which only root@pam itself may use, not its tokens.
    pub(crate) fn root_only(&self, names: &[&str]) -> Result<(), Refusal> {
        match names.iter().find(|name| self.params.get(name).is_some_and(|v| v != "0")) {
            Some(name) if self.who.authid != "root@pam" => {
                Err(Refusal::parameter(name, "Only root may use this option."))
            }
            _ => Ok(()),
        }
    }
}

/// A flag as PVE shows it.
pub(crate) fn flag(set: bool) -> Value {
    Value::from(u8::from(set))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_route_exists_in_pve() {
        for (method, path, _) in ROUTES {
            assert!(schema::by_template(method, path).is_some(), "{method} {path}");
        }
    }

    #[test]
    fn every_route_is_unique() {
        let all: BTreeSet<_> = ROUTES.iter().map(|(method, path, _)| (method, path)).collect();
        assert_eq!(all.len(), ROUTES.len());
    }
}
