//! Explains the values of the document's head. Does no I/O.

use super::{Explained, Link, Subject};
use crate::deployment::{AUTOMATION_USER, HOST_USER};
use crate::selection::Choice;
use crate::shape::is_local;
use crate::site::{IMAGE_DATASTORE, Origin};
use serde_json::Value;
use stage::identity::VmidRange;
use stage::shown;

/// Explains a field of the document; `None` if the head has no such field.
pub(super) fn explain(subject: &Subject<'_>, field: &str) -> Option<Explained> {
    let Subject { site, vm_set, node, .. } = subject;
    let (config, of_node) = (&site.config, subject.node_layer());
    let defaults = "`defaults`";
    let chain = match field {
        "node" => vec![
            Some(subject.home()),
            subject.written(of_node, &node.node),
            Some(subject.link("the file name", node.stem.as_str().into(), None)),
        ],
        "api_endpoint" => vec![
            subject.given(subject.options.endpoint.as_ref()),
            subject.written(of_node, &node.api_endpoint),
        ],
        "ssh_user" => vec![
            subject.written(of_node, &node.host_user),
            subject.written(defaults, &config.host_user),
            Some(subject.built_in(HOST_USER)),
        ],
        "ssh_host" => vec![subject.this_machine(), subject.written(of_node, &node.ip)],
        "automation_user" => {
            vec![
                subject.written(defaults, &config.vm_user),
                Some(subject.built_in(AUTOMATION_USER)),
            ]
        }
        "datastore" => vec![subject.written(of_node, &node.datastore)],
        "image_datastore" => vec![
            subject.written(of_node, &node.image_datastore),
            Some(subject.built_in(IMAGE_DATASTORE)),
        ],
        "spec_server" => vec![
            subject.given(subject.options.spec_server.as_ref()),
            subject.written(defaults, &config.server_url),
        ],
        "site" => vec![subject.written("site.yaml", &config.site)],
        "deployment" => vec![Some(subject.name())],
        "vmid_range" => vec![
            subject.written(defaults, &config.vmid_range),
            Some(subject.built_in(VmidRange::DEFAULT.to_string())),
        ],
        "on_error" => vec![subject.written("`settings`", &vm_set.on_error)],
        _ => return None,
    };
    let json = serde_json::to_value(subject.deployment).unwrap_or_default();
    let value = json.get(field).cloned().unwrap_or_default();
    Some(Explained { field: field.to_owned(), value, chain: chain.into_iter().flatten().collect() })
}

impl Subject<'_> {
    /// Returns where the node of the VMs is set.
    pub(super) fn home(&self) -> Link {
        let layer = match self.vm_set.origin {
            Origin::Manifest => "the manifest",
            Origin::Env | Origin::CommandLine => "the env",
        };
        match self.vm_set.node.set().filter(|_| self.options.parent.is_none()) {
            Some((name, at)) => self.link(layer, name.as_str().into(), Some(at)),
            None => {
                let layer = format!("not set; the document is for \"{}\"", self.node.name());
                self.link(layer, Value::Null, None)
            }
        }
    }

    /// Returns where a URL from the command line or the environment is set.
    fn given(&self, choice: Option<&Choice>) -> Option<Link> {
        let Choice { value, by } = choice?;
        Some(self.link(format!("`{by}`"), shown::address(value).into(), None))
    }

    /// Returns a link if the API endpoint is on this machine: then the node is this machine.
    fn this_machine(&self) -> Option<Link> {
        let endpoint = &self.node.api_endpoint;
        let at = endpoint.set().filter(|(url, _)| is_local(url)).map(|(_, at)| at)?;
        let layer = format!("{}, whose API is on this machine", self.node_layer());
        Some(self.link(layer, self.deployment.ssh_host.as_str().into(), Some(at)))
    }

    fn name(&self) -> Link {
        let layer = match (&self.vm_set.renamed, self.vm_set.origin) {
            (Some(_), _) => "`--deployment`",
            (None, Origin::Env) => "the env file",
            (None, Origin::Manifest) => "the manifest",
            (None, Origin::CommandLine) => "`--vm`",
        };
        let at = self.vm_set.name_at.filter(|_| self.vm_set.renamed.is_none());
        self.link(layer, self.vm_set.deployment().into(), at)
    }
}
