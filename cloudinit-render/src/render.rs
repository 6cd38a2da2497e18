//! `render`: renders the files of each VM's seed. Does no I/O.

use crate::additions::Additions;
use crate::guest::Guests;
use crate::meta_data::MetaData;
use crate::network_config::{self, Nameservers};
use crate::nic::Nic;
use crate::user_data::{self, UserData};
use crate::{fingerprint, yaml};
use stage::guest::host_name_of;
use stage::seed::Files;
use stage::{Deployment, Document, Entry, Place, Report, SeedInputs, Vm};

/// The files of a NoCloud seed. They contain secrets.
#[derive(Clone)]
pub(crate) struct Texts {
    /// `user-data`.
    pub(crate) user_data: String,
    /// `vendor-data`, if the VM has any.
    pub(crate) vendor_data: Option<String>,
    /// `meta-data`.
    pub(crate) meta_data: String,
    /// `network-config`.
    pub(crate) network_config: String,
}

/// The rendered seed of one VM.
#[derive(Clone)]
pub(crate) struct Rendered {
    /// The texts.
    pub(crate) texts: Texts,
    /// `instance-id` of the meta-data.
    pub(crate) instance_id: String,
    /// A hash that changes whenever the meaning of the seed does.
    pub(crate) seed_fingerprint: String,
    /// A digest of the fields that the seed was rendered from.
    pub(crate) seed_inputs: String,
}

impl Texts {
    /// The texts as files of a seed image.
    pub(crate) fn files(&self) -> Files<'_> {
        Files {
            user_data: &self.user_data,
            meta_data: &self.meta_data,
            network_config: &self.network_config,
            vendor_data: self.vendor_data.as_deref().unwrap_or_default(),
        }
    }
}

impl Rendered {
    /// Sets the fields of the VM at `index`.
    pub(crate) fn fill(self, document: &mut Document, index: usize) {
        for (key, text) in [
            ("user_data", Some(self.texts.user_data)),
            ("vendor_data", self.texts.vendor_data),
            ("meta_data", Some(self.texts.meta_data)),
            ("network_config", Some(self.texts.network_config)),
            ("instance_id", Some(self.instance_id)),
            ("seed_fingerprint", Some(self.seed_fingerprint)),
            ("seed_inputs", Some(self.seed_inputs)),
        ] {
            match text {
                Some(text) => document.set_in_vm(index, key, text),
                // Left there by an earlier run.
                None => document.remove_in_vm(index, key),
            }
        }
    }
}

/// Returns the seed of each VM, in the document's order. The values have been validated; `nics` are
/// those of each VM.
pub(crate) fn render(
    deployment: &Deployment,
    guests: &Guests<'_>,
    nics: Vec<Vec<Nic>>,
    report: &mut Report,
) -> Vec<Rendered> {
    let user_data = user_data::Renderer::new(deployment, guests);
    let mut work = Work { deployment, guests, user_data, inputs: SeedInputs::new(deployment) };
    let mut rendered = Vec::with_capacity(deployment.vms.len());
    for (index, nics) in nics.into_iter().enumerate() {
        match work.one(index, nics) {
            Ok(one) => rendered.push(one),
            Err(cause) => {
                let place = Place::input(format!("vms[{index}]"));
                report
                    .push(Entry::error("not-rendered", place, "cannot be rendered").cause(&*cause));
            }
        }
    }
    rendered
}

/// The state shared while all VMs are rendered.
struct Work<'a> {
    deployment: &'a Deployment,
    guests: &'a Guests<'a>,
    user_data: user_data::Renderer<'a>,
    inputs: SeedInputs,
}

impl Work<'_> {
    fn one(
        &mut self,
        index: usize,
        nics: Vec<Nic>,
    ) -> Result<Rendered, Box<dyn std::error::Error>> {
        let vm = &self.deployment.vms[index];
        let name = host_name_of(&vm.name)?;
        let user_data = match &vm.custom_user_data {
            Some(text) => UserData::custom(text.expose()),
            None => self.user_data.render(index, &name)?,
        };
        let (_, guest) = self.guests.of(index);
        let network = network_config::model(nics, nameservers(vm, &guest.additions));
        let network_config = yaml::quoted(&network)?;
        let network = fingerprint::without_derived_macs(&network_config, vm);
        let vendor_data = vm.custom_vendor_data.as_ref().map(|text| text.expose().clone());
        let [own, profile, shared] = &user_data.parts;
        let mut parts =
            vec![&self.deployment.deployment, &vm.name, own, profile, shared, &*network];
        parts.extend(vendor_data.as_deref());
        let seed_fingerprint = fingerprint::of(&parts, vm.auth_token.expose());
        // The name is for people; the digits make a changed seed a new instance.
        let instance_id = format!("{}-{}", vm.name, &seed_fingerprint[..16]);
        let meta_data =
            yaml::quoted(&MetaData { instance_id: &instance_id, local_hostname: name.whole() })?;
        let texts = Texts { user_data: user_data.text, vendor_data, meta_data, network_config };
        stage::seed::size(&texts.files())?;
        let seed_inputs = self.inputs.of(vm);
        Ok(Rendered { texts, instance_id, seed_fingerprint, seed_inputs })
    }
}

/// Returns the VM's name servers and search domains, else the site's.
fn nameservers(vm: &Vm, additions: &Additions) -> Option<Nameservers> {
    let addresses = vm.dns_servers.as_ref().unwrap_or(&additions.dns_servers).clone();
    let search = match &vm.search_domains {
        Some(search) => search.clone(),
        // Without name servers, the domain is only for the full name.
        None if addresses.is_empty() => Vec::new(),
        None => additions.domain.iter().cloned().collect(),
    };
    let any = !search.is_empty() || !addresses.is_empty();
    any.then_some(Nameservers { search, addresses })
}
