//! What `qemu-img info` would report about a file's first bytes.
//! A pure module: does no I/O.

use super::world::storage::template;

const QCOW2: [u8; 4] = *b"QFI\xfb";

/// Returns the virtual size, if the header has it.
pub(crate) fn virtual_size(head: &[u8]) -> Option<u64> {
    let bytes = head.get(24..32).filter(|_| head.starts_with(&QCOW2))?;
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

/// Returns the format of a stored file name.
pub(crate) fn format_of<'a>(filename: &'a str, content: &str) -> &'a str {
    match content {
        "iso" => "iso",
        "vztmpl" => template(filename.rsplit('.').next().unwrap_or_default()),
        _ => filename.rsplit('.').next().unwrap_or_default(),
    }
}

/// Returns why PVE refuses an image, if it does, and whether `qemu-img` itself fails.
// PVE: pve-storage, Storage/Plugin.pm, file_size_info with `untrusted`; Storage/Common.pm,
// qemu_img_info.
pub(crate) fn rejection(filename: &str, tmp: &str, head: &[u8]) -> Option<(String, bool)> {
    let fails = |why: &str| Some((format!("qemu-img: Could not open '{tmp}': {why}"), true));
    match filename.rsplit('.').next() {
        Some("qcow2") if !head.starts_with(&QCOW2) => fails("Image is not in qcow2 format"),
        Some("qcow2") if !matches!(version(head), 2 | 3) => {
            fails(&format!("Unsupported qcow2 version {}", version(head)))
        }
        Some("qcow2") if head.get(8..16).is_some_and(|offset| offset != [0; 8]) => {
            Some((format!("backing file not allowed for untrusted image '{tmp}'!"), false))
        }
        Some("vmdk") if !head.starts_with(b"KDMV") && !head.starts_with(b"# Disk Desc") => {
            fails("invalid VMDK image descriptor")
        }
        _ => None,
    }
}

/// Returns the first bytes of a file in a format, as far as [`rejection`] reads them.
pub(crate) fn head_of(format: &str) -> Vec<u8> {
    match format {
        "qcow2" => [&QCOW2[..], &[0, 0, 0, 3]].concat(),
        "vmdk" => b"KDMV".to_vec(),
        _ => Vec::new(),
    }
}

fn version(head: &[u8]) -> u32 {
    let bytes = head.get(4..8).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, head: &[u8], size: Option<u64>, refused: bool) {
        assert_eq!(virtual_size(head), size, "{name}");
        assert_eq!(rejection(name, "/var/tmp/x", head).is_some(), refused, "{name}");
    }

    #[test]
    fn images_are_accepted_or_refused_by_their_header() {
        let mut head = vec![0u8; 72];
        head[..4].copy_from_slice(&QCOW2);
        head[7] = 3;
        head[24..32].copy_from_slice(&(2u64 << 30).to_be_bytes());
        check("a.qcow2", &head, Some(2 << 30), false);
        head[8] = 1;
        check("a.qcow2", &head, Some(2 << 30), true);
        check("a.qcow2", b"\x7fELF", None, true);
        check("a.raw", b"anything", None, false);
    }
}
