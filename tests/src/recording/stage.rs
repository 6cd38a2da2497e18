//! Worlds on a node: builds what a scene starts with, and removes whatever it left.
//!
//! DOOR: writes to the node, only to what is the recorder's.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

use super::checks::rows;
use super::line::{File, Request};
use super::names::{Names, POOL_PREFIX, is_ours};
use super::node::Node;

/// A file that the worlds have: its volume, content and bytes.
const FILES: [(&str, &str, &str); 3] =
    [("a.raw", "import", "<empty>"), ("b.qcow2", "import", "<image>"), ("c.iso", "iso", "<empty>")];

/// A node whose recorder's part is a stage for worlds.
#[derive(Debug)]
pub struct Stage<'a> {
    /// The node.
    pub node: &'a Node,
    /// What the recording's names are there.
    pub names: &'a Names,
}

impl Stage<'_> {
    /// Removes everything in the recorder's range of vmids, in its storages and its pools.
    pub fn clear(&self, networks: bool) -> Result<(), String> {
        let node = &self.names.node;
        let list = self.node.call("GET", &format!("/nodes/{node}/qemu"), &[])?;
        let ours =
            rows(&list).iter().filter_map(|vm| Some((vm["template"] == 1, vm["vmid"].as_u64()?)));
        let mut ours: Vec<(bool, u64)> = ours.filter(|(_, vmid)| is_ours(*vmid)).collect();
        // A template's clones first.
        ours.sort_unstable();
        for (_, vmid) in ours {
            let vm = format!("/nodes/{node}/qemu/{vmid}");
            if self.node.call("GET", &format!("{vm}/status/current"), &[])?["status"] != "stopped" {
                self.node.call("POST", &format!("{vm}/status/stop"), &[])?;
            }
            self.node.call("PUT", &format!("{vm}/config"), &[("protection", "0")])?;
            self.node.call(
                "DELETE",
                &vm,
                &[("purge", "1"), ("destroy-unreferenced-disks", "1")],
            )?;
        }
        for pool in rows(&self.node.call("GET", "/pools", &[])?) {
            let Some(id) = pool["poolid"].as_str().filter(|id| id.starts_with(POOL_PREFIX)) else {
                continue;
            };
            self.remove_pool(id)?;
        }
        for storage in [&self.names.disks.0, &self.names.files.0] {
            let path = format!("/nodes/{node}/storage/{storage}/content");
            for volume in rows(&self.node.call("GET", &path, &[])?) {
                let volid = volume["volid"].as_str().unwrap_or_default();
                self.node.call("DELETE", &format!("{path}/{volid}"), &[])?;
            }
        }
        if networks { self.clear_networks() } else { Ok(()) }
    }

    fn remove_pool(&self, id: &str) -> Result<(), String> {
        let path = format!("/pools/{id}");
        let pool = self.node.call("GET", &path, &[])?;
        for member in rows(&pool["members"]) {
            if let Some(storage) = member["storage"].as_str() {
                self.node.call("PUT", &path, &[("storage", storage), ("delete", "1")])?;
            }
        }
        // PVE keeps members whose VM does not exist, and names only the first.
        while let Err(refused) = self.node.call("DELETE", &path, &[]) {
            let vmid =
                refused.split("(contains VM ").nth(1).and_then(|rest| rest.split(')').next());
            let vmid =
                vmid.filter(|vmid| vmid.parse().is_ok_and(is_ours)).ok_or(refused.clone())?;
            self.node.call("PUT", &path, &[("vms", vmid), ("delete", "1")])?;
        }
        Ok(())
    }

    /// Removes every network: a check has found none of others.
    fn clear_networks(&self) -> Result<(), String> {
        let mut is_empty = true;
        for kind in ["zones", "vnets"] {
            let path = format!("/cluster/sdn/{kind}");
            is_empty &= rows(&self.node.call("GET", &path, &[("pending", "1")])?).is_empty();
        }
        // A scene may have taken the lock. Before 9.0 there is none, and nothing to release.
        let _ = self.node.call("DELETE", "/cluster/sdn/lock", &[("force", "1")]);
        if is_empty {
            return Ok(());
        }
        let zones = self.node.call("GET", "/cluster/sdn/zones", &[])?;
        for vnet in rows(&self.node.call("GET", "/cluster/sdn/vnets", &[])?) {
            let path = format!("/cluster/sdn/vnets/{}", vnet["vnet"].as_str().unwrap_or_default());
            for subnet in rows(&self.node.call("GET", &format!("{path}/subnets"), &[])?) {
                let id = subnet["subnet"].as_str().unwrap_or_default();
                self.node.call("DELETE", &format!("{path}/subnets/{id}"), &[])?;
            }
            self.node.call("DELETE", &path, &[])?;
        }
        for zone in rows(&zones) {
            let id = zone["zone"].as_str().unwrap_or_default();
            self.node.call("DELETE", &format!("/cluster/sdn/zones/{id}"), &[])?;
        }
        self.node.call("PUT", "/cluster/sdn", &[]).map(drop)
    }

    /// Builds a world of a recording on the empty stage.
    pub fn build(&self, definition: &Value) -> Result<(), String> {
        for (name, content, bytes) in FILES {
            let volid = format!("local:{content}/{name}");
            if rows(&definition["volumes"]).iter().any(|volume| volume["volid"] == volid) {
                let file = File { name: name.to_owned(), bytes: bytes.to_owned() };
                self.send(
                    "POST",
                    "/nodes/pve1/storage/local/upload",
                    &[("content", content)],
                    Some(file),
                )?;
            }
        }
        for (vmid, vm) in definition["vms"].as_object().into_iter().flatten() {
            self.build_vm(vmid, vm)?;
        }
        for (id, pool) in definition["pools"].as_object().into_iter().flatten() {
            self.send(
                "POST",
                "/pools",
                &[("poolid", id), ("comment", pool["comment"].as_str().unwrap_or_default())],
                None,
            )?;
            let path = format!("/pools/{id}");
            for vmid in rows(&pool["vms"]) {
                self.send("PUT", &path, &[("vms", &vmid.to_string())], None)?;
            }
            for storage in rows(&pool["storages"]) {
                self.send(
                    "PUT",
                    &path,
                    &[("storage", storage.as_str().unwrap_or_default())],
                    None,
                )?;
            }
        }
        self.build_networks(&definition["sdn"]["edited"])
    }

    fn build_vm(&self, vmid: &str, vm: &Value) -> Result<(), String> {
        let mut parameters: Vec<(String, String)> = vec![
            ("vmid".to_owned(), vmid.to_owned()),
            // Fixed, so that every scene has the same.
            ("smbios1".to_owned(), format!("uuid=00000000-0000-4000-8000-000000000{vmid}")),
        ];
        for (key, value) in vm["config"].as_object().into_iter().flatten() {
            let value = value.as_str().unwrap_or_default();
            match (key.as_str(), value.contains("-disk-")) {
                ("template", _) => {}
                // A disk of its size: 1 GiB in every world.
                (_, true) => parameters.push((key.clone(), "disks:1".to_owned())),
                _ => parameters.push((key.clone(), value.to_owned())),
            }
        }
        let borrowed: Vec<(&str, &str)> =
            parameters.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        self.send("POST", "/nodes/pve1/qemu", &borrowed, None)?;
        if vm["config"]["template"] == "1" {
            self.send("POST", &format!("/nodes/pve1/qemu/{vmid}/template"), &[], None)?;
        }
        if vm["running"] == true {
            self.send("POST", &format!("/nodes/pve1/qemu/{vmid}/status/start"), &[], None)?;
        }
        Ok(())
    }

    fn build_networks(&self, edited: &Value) -> Result<(), String> {
        let Some(zones) = edited["zones"].as_object() else { return Ok(()) };
        let create = |path: &str, key: &str, id: &str, fields: &Value, own: &str| {
            let mut parameters = vec![(key, id)];
            for (name, value) in
                fields.as_object().into_iter().flatten().filter(|(name, _)| *name != own)
            {
                parameters.push((name, value.as_str().unwrap_or_default()));
            }
            self.send("POST", path, &parameters, None)
        };
        for (id, zone) in zones {
            create("/cluster/sdn/zones", "zone", id, zone, "")?;
        }
        for (id, vnet) in edited["vnets"].as_object().into_iter().flatten() {
            create("/cluster/sdn/vnets", "vnet", id, vnet, "")?;
        }
        for (id, subnet) in edited["subnets"].as_object().into_iter().flatten() {
            let path = format!(
                "/cluster/sdn/vnets/{}/subnets",
                subnet["vnet"].as_str().unwrap_or_default()
            );
            let cidr = id.split_once('-').map_or("", |(_, cidr)| cidr).replacen('-', "/", 1);
            create(&path, "subnet", &cidr, subnet, "vnet")?;
        }
        self.node.call("PUT", "/cluster/sdn", &[]).map(drop)
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        parameters: &[(&str, &str)],
        file: Option<File>,
    ) -> Result<Value, String> {
        let parameters: BTreeMap<String, String> = parameters
            .iter()
            .filter(|(_, v)| !v.is_empty())
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let request = Request {
            scene: 0,
            world: String::new(),
            token: Some(String::new()),
            method: method.to_owned(),
            path: path.to_owned(),
            parameters,
            file,
        };
        self.node.require(&self.names.to_node(&request))
    }

    /// Returns the world as it was built: the simulator can start with it.
    pub fn seen(&self, definition: &Value, version: &str) -> Result<Value, String> {
        let mut seen = definition.clone();
        seen["version"] = version.into();
        seen["access"] = json!({
            "users": {"admin@pve": {}},
            "tokens": {"admin@pve!full": {"privsep": false}},
            "roles": {},
            "acl": [{"path": "/", "who": "admin@pve", "role": "Administrator"}],
        });
        if let Some(volumes) = seen.get_mut("volumes").and_then(Value::as_array_mut) {
            volumes.retain(|volume| volume["format"] != "snippet");
            for volume in
                volumes.iter_mut().filter(|volume| volume["volid"] == "local:import/b.qcow2")
            {
                volume["size"] = File { name: String::new(), bytes: "<image>".to_owned() }
                    .content()
                    .len()
                    .into();
            }
        }
        for (vmid, vm) in seen.get_mut("vms").and_then(Value::as_object_mut).into_iter().flatten() {
            let path = self.names.to_node(&request_for(vmid)).path;
            let config = self.node.call("GET", &path, &[("current", "1")])?;
            let mut kept = Map::new();
            for (key, value) in
                config.as_object().into_iter().flatten().filter(|(key, _)| *key != "digest")
            {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                kept.insert(key.clone(), self.names.to_recording(&text).into());
            }
            vm["config"] = kept.into();
        }
        Ok(seen)
    }
}

fn request_for(vmid: &str) -> Request {
    Request {
        scene: 0,
        world: String::new(),
        token: None,
        method: "GET".to_owned(),
        path: format!("/nodes/pve1/qemu/{vmid}/config"),
        parameters: BTreeMap::new(),
        file: None,
    }
}
