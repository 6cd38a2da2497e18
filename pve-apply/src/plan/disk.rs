//! Disks: what a drive has, and what a new one is created from. Does no I/O.

use super::difference::NewDisk;
use crate::blocked::BlockReason;
use crate::desired::{Definition, Image};
use crate::mark::owns::short_digest;
use crate::observed::{Config, Observed};
use machine::{ConfigKey, Parts, parse_size};
use pve_client::{NodeName, Volid};

/// The contents of a drive.
pub(super) struct Volume {
    /// The volume, exactly as PVE names it.
    pub(super) file: String,
    /// Its storage.
    pub(super) storage: Option<String>,
    /// Its size in bytes.
    pub(super) size: Option<u64>,
    /// Whether it is a CD drive.
    pub(super) is_cd: bool,
}

impl Volume {
    /// Reads a drive's text.
    pub(super) fn read(key: ConfigKey, text: Option<&str>) -> Option<Self> {
        let parts = Parts::read(key.key, text?);
        let file = parts.get("file")?;
        Some(Self {
            storage: file.split_once(':').map(|(storage, _)| storage.to_owned()),
            size: parts.get("size").and_then(parse_size),
            is_cd: parts.is_cd(),
            file: file.to_owned(),
        })
    }
}

/// Returns whether PVE creates a volume for a drive: not for a CD drive with an existing medium.
pub(super) fn is_made(parts: &Parts) -> bool {
    !parts.is_cd() || parts.is_cloud_init()
}

/// Returns whether both are cloud-init's drive on one storage: PVE names its volume after the VM.
pub(super) fn is_same_cloud_init(key: ConfigKey, one: &str, other: &str) -> bool {
    let storage = |volume: &str| {
        let is_cloud_init = Parts::read(key.key, volume).is_cloud_init();
        let storage = volume.split_once(':').map(|(storage, _)| storage.to_owned());
        storage.filter(|_| is_cloud_init)
    };
    storage(one).is_some_and(|one| storage(other) == Some(one))
}

/// Returns the key of a detached disk.
pub(super) fn unused(config: &Config, digest: &str) -> Option<String> {
    let holds = |key: &&str| {
        key.starts_with("unused") && config.next(key).map(short_digest).as_deref() == Some(digest)
    };
    config.keys().find(holds).map(str::to_owned)
}

/// Returns what a new disk on a node with these options is created from.
pub(super) fn new(
    definition: &Definition,
    (observed, node): (&Observed, &NodeName),
    key: ConfigKey,
    parts: &Parts,
) -> Result<NewDisk, BlockReason> {
    let mut parts = parts.clone();
    if parts.get("file").is_some() {
        return Ok(NewDisk { value: parts.write(key.key), grow: None });
    }
    let own = parts.get("storage").unwrap_or(definition.storage.as_str()).to_owned();
    let is_boot = key == definition.boot;
    let size = match is_boot {
        true => definition.disk_gib.map(|gib| u64::from(gib) << 30),
        false => parts.get("size").and_then(parse_size),
    };
    let image = if is_boot { definition.image.as_ref() } else { definition.images.get(&key) };
    ["storage", "size", "import"].iter().for_each(|name| parts.remove(name));
    let mut grow = None;
    let file = match (image, size) {
        (Some(image), size) => {
            let (volid, bytes) = find_image(image, observed, node)?;
            let field = if is_boot { "disk".to_owned() } else { format!("{key}.size") };
            if let Some(wanted) = size.filter(|size| *size < bytes) {
                let wanted = machine::shown_size(wanted);
                return Err(BlockReason::DiskSmallerThanImage {
                    field,
                    wanted,
                    image_bytes: bytes,
                });
            }
            // PVE: reference 2: an import has the image's size, and cannot be grown in the same call.
            grow = size.filter(|size| *size > bytes);
            parts.set("import-from", volid.to_string());
            format!("{own}:0")
        }
        (None, Some(bytes)) => format!("{own}:{}", gib(bytes)),
        // PVE: facts-4, 49: the size of an EFI disk and of a TPM's state is PVE's own, whatever is asked.
        (None, None) if key.key.part("size").is_none() => format!("{own}:1"),
        (None, None) => return Err(BlockReason::DiskSizeMissing { slot: key.to_string() }),
    };
    parts.set("file", file);
    Ok(NewDisk { value: parts.write(key.key), grow })
}

/// Returns the text of a new disk: size, storage, image and explicit options.
pub(super) fn in_words(definition: &Definition, key: ConfigKey, parts: &Parts) -> String {
    let shown = |name: &str| {
        let value = parts.get(name)?;
        Some(key.key.part(name).map_or_else(|| value.to_owned(), |part| part.kind.shown(value)))
    };
    let storage = parts.get("storage").unwrap_or(definition.storage.as_str());
    let mut words = vec![match shown("size") {
        Some(size) => format!("{size} on {storage}"),
        None => format!("on {storage}"),
    }];
    let image = definition.images.get(&key).map(Image::shown);
    words.extend(image.map(|image| format!("from image {image}")));
    let is_in_text = |name: &str| ["storage", "size", "import", "file"].contains(&name);
    for part in key.key.parts() {
        let name = part.name_in(key.key);
        let is_explicit = definition.explicit.value(key, name).is_some();
        let value = shown(name).filter(|_| is_explicit && !is_in_text(name));
        words.extend(value.map(|value| format!("{name}: {value}")));
    }
    words.join(", ")
}

fn find_image<'a>(
    image: &'a Image,
    observed: &Observed,
    node: &NodeName,
) -> Result<(&'a Volid, u64), BlockReason> {
    let missing = |volid: Option<&Volid>| BlockReason::ImageMissing {
        image: image.name.clone(),
        volid: volid.map(ToString::to_string),
    };
    let volid = image.volid.as_ref().ok_or_else(|| missing(None))?;
    if image.pending.is_some() {
        // image-publish has compared its size with the disk's.
        return Ok((volid, 0));
    }
    let bytes = observed.image_size(node, volid);
    bytes.map(|bytes| (volid, bytes)).ok_or_else(|| missing(Some(volid)))
}

/// Returns a size in GiB, in PVE's form for a new disk: exact, since a binary fraction also ends in decimals.
fn gib(bytes: u64) -> String {
    const GIB: u64 = 1 << 30;
    let (mut text, mut rest) = ((bytes / GIB).to_string(), bytes % GIB);
    if rest > 0 {
        text.push('.');
    }
    while rest > 0 {
        rest *= 10;
        text.push_str(&(rest / GIB).to_string());
        rest %= GIB;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{gib, is_same_cloud_init};
    use machine::ConfigKey;

    #[test]
    fn cloud_inits_drive_is_known_by_its_storage() {
        let check = |one: &str, other: &str, expected: bool| {
            let key = ConfigKey::find("ide2").unwrap();
            assert_eq!(is_same_cloud_init(key, one, other), expected, "{one} {other}");
        };
        check("tank:cloudinit", "tank:vm-100-cloudinit", true);
        check("tank:cloudinit", "tank:100/vm-100-cloudinit.qcow2", true);
        check("tank:cloudinit", "other:vm-100-cloudinit", false);
        check("tank:cloudinit", "tank:iso/a.iso", false);
        check("none", "none", false);
    }

    #[test]
    fn sizes_are_exact() {
        for (bytes, text) in
            [(200 << 30, "200"), (512 << 20, "0.5"), (1536 << 20, "1.5"), (1 << 20, "0.0009765625")]
        {
            assert_eq!(gib(bytes), text);
        }
    }
}
