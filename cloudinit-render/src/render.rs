//! `render`: a deployment gives the texts of each VM. Does no I/O.

use crate::additions::Additions;
use crate::meta_data::MetaData;
use crate::network_config::{self, Nameservers};
use crate::nic::{self, Nic};
use crate::{fingerprint, user_data, yaml};
use stage::guest::host_name_of;
use stage::seed::Files;
use stage::{Deployment, Document, Entry, Place, Report, SeedInputs, Vm};

/// The three texts of a NoCloud seed. They hold secrets.
#[derive(Clone)]
pub(crate) struct Texts {
    /// `user-data`.
    pub(crate) user_data: String,
    /// `meta-data`.
    pub(crate) meta_data: String,
    /// `network-config`.
    pub(crate) network_config: String,
}

/// What has been rendered for one VM.
#[derive(Clone)]
pub(crate) struct Rendered {
    /// The texts.
    pub(crate) texts: Texts,
    /// `instance-id` of the meta-data.
    pub(crate) instance_id: String,
    /// Tells whether the seed has changed.
    pub(crate) seed_fingerprint: String,
    /// A digest of the fields that it was rendered from.
    pub(crate) seed_inputs: String,
}

impl Texts {
    /// The texts as files of a seed image.
    pub(crate) fn files(&self) -> Files<'_> {
        Files {
            user_data: &self.user_data,
            meta_data: &self.meta_data,
            network_config: &self.network_config,
            vendor_data: "",
        }
    }
}

impl Rendered {
    /// Sets the fields of the VM at `index`.
    pub(crate) fn fill(self, document: &mut Document, index: usize) {
        for (key, text) in [
            ("user_data", self.texts.user_data),
            ("meta_data", self.texts.meta_data),
            ("network_config", self.texts.network_config),
            ("instance_id", self.instance_id),
            ("seed_fingerprint", self.seed_fingerprint),
            ("seed_inputs", self.seed_inputs),
        ] {
            document.set_in_vm(index, key, text);
        }
    }
}

/// Returns what each VM gets, in the document's order. The values have been validated.
pub(crate) fn render(
    deployment: &Deployment,
    additions: &Additions,
    report: &mut Report,
) -> Vec<Rendered> {
    let user_data = match user_data::Renderer::new(deployment, additions) {
        Ok(renderer) => renderer,
        Err(cause) => {
            let entry = Entry::error(Place::input(""), "cannot be rendered").cause(&cause);
            report.push(entry);
            return Vec::new();
        }
    };
    let inputs = SeedInputs::new(deployment);
    let mut rendered = Vec::with_capacity(deployment.vms.len());
    for (index, vm) in deployment.vms.iter().enumerate() {
        let nics = nic::read(vm, index, &mut Report::new());
        match one(&user_data, &inputs, deployment, vm, nics, additions) {
            Ok(one) => rendered.push(one),
            Err(cause) => {
                let place = Place::input(format!("vms[{index}]"));
                report.push(Entry::error(place, "cannot be rendered").cause(&*cause));
            }
        }
    }
    rendered
}

fn one(
    user_data: &user_data::Renderer<'_>,
    inputs: &SeedInputs,
    deployment: &Deployment,
    vm: &Vm,
    nics: Vec<Nic>,
    additions: &Additions,
) -> Result<Rendered, Box<dyn std::error::Error>> {
    let name = host_name_of(&vm.name)?;
    let user_data = user_data.render(vm, &name)?;
    let network = network_config::model(nics, nameservers(vm, additions));
    let network_config = yaml::text(&network)?;
    let [own, profile, shared] = &user_data.parts;
    let network = fingerprint::without_derived_macs(&network_config, vm);
    let parts = [&deployment.deployment, vm.name.as_str(), own, profile, shared, &*network];
    let seed_fingerprint = fingerprint::of(&parts, vm.auth_token.expose());
    // The name for people, the digits so that a changed seed is taken as a new instance.
    let instance_id = format!("{}-{}", vm.name, &seed_fingerprint[..16]);
    let meta_data =
        yaml::text(&MetaData { instance_id: &instance_id, local_hostname: name.whole() })?;
    let texts = Texts { user_data: user_data.text, meta_data, network_config };
    stage::seed::size(&texts.files())?;
    Ok(Rendered { texts, instance_id, seed_fingerprint, seed_inputs: inputs.of(vm) })
}

/// The VM's name servers and search domains, else the site's.
fn nameservers(vm: &Vm, additions: &Additions) -> Option<Nameservers> {
    let addresses = vm.dns_servers.as_ref().unwrap_or(&additions.dns_servers).clone();
    let search = match &vm.search_domains {
        Some(search) => search.clone(),
        // A domain alone makes names, and asks nobody.
        None if addresses.is_empty() => Vec::new(),
        None => additions.domain.iter().cloned().collect(),
    };
    let any = !search.is_empty() || !addresses.is_empty();
    any.then_some(Nameservers { search, addresses })
}
