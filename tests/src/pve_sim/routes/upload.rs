//! Files onto a storage: `upload` and `download-url`.
//! A pure module: does no I/O. The texts are PVE's.
// PVE: pve-storage, API2/Storage/Status.pm.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Call;
use crate::pve_sim::answer::{Refusal, Reply};
use crate::pve_sim::formats::full;
use crate::pve_sim::image;
use crate::pve_sim::multipart::Upload;
use crate::pve_sim::world::cluster::no_such_host;
use crate::pve_sim::world::storage::{Volume, normalize};
use crate::pve_sim::world::work::Work;

/// Facts 38 to 41.
pub(super) fn upload(call: &mut Call) -> Reply {
    let node = call.node();
    let storage = call.params.text("storage").to_owned();
    let config = call.world.storage(&storage, &node)?;
    if !config.has_path() {
        return Err(Refusal::die(format!("can't upload to storage type '{}'", config.r#type)));
    }
    let content = call.params.text("content").to_owned();
    let filename = accepted_name(call, &content)?;
    if !config.content.contains(&content) {
        // PVE: facts 44.
        return Err(Refusal::die(format!(
            "storage '{storage}' does not support '{content}' content"
        )));
    }
    let path = config.folder(&storage, &content);
    check_target(call, &node, &storage)?;
    call.world.activate(&storage, &node)?;
    let upload = call.upload.take().ok_or_else(|| Refusal::die("missing temporary file name"))?;
    let tmp = call.world.clockwork.next();
    let tmp = format!("/var/tmp/pveupload-{tmp:032x}");
    let mut lines = vec![format!("starting file import from: {tmp}")];
    let refused = judge(call, &content, &filename, &upload, &tmp, &mut lines)?;
    if refused.is_none() {
        lines.push(format!("target node: {node}"));
        lines.push(format!("target file: {path}/{filename}"));
        lines.push(format!("file size is: {}", upload.size));
        lines.push(command(call, &node, &tmp, &format!("{path}/{filename}")));
    }
    let volume = Volume {
        volid: format!("{storage}:{content}/{filename}"),
        size: upload.size,
        virtual_size: image::virtual_size(&upload.head),
        format: image::format_of(&filename, &content).to_owned(),
        sha256: Some(upload.sum("sha256").unwrap_or_default()),
        bytes: upload.bytes,
        ..Volume::default()
    };
    // PVE: the node that answers works, wherever the storage is: `upload` has no `proxyto`.
    let local = call.world.local_node().to_owned();
    let work = Work::Store { node, storage, volume, refused, lines };
    Ok(Value::from(call.world.fork(&local, "imgcopy", "", call.who, work)).into())
}

/// Checks that the local node reaches the target, by SSH.
fn check_target(call: &Call, node: &str, storage: &str) -> Result<(), Refusal> {
    let found = call.world.nodes.get(node).ok_or_else(|| no_such_host(node))?;
    match node == call.world.local_node() || found.online {
        true => Ok(()),
        false => Err(Refusal::die(format!(
            "can't activate storage '{storage}' on node '{node}': command '/usr/bin/ssh -e none -o \
             'BatchMode=yes' -o 'HostKeyAlias={node}' -- /usr/sbin/pvesm status --storage {storage}' \
             failed: exit code 255"
        ))),
    }
}

/// Returns the line of the log with the command that copies the file.
fn command(call: &Call, node: &str, tmp: &str, path: &str) -> String {
    match node == call.world.local_node() {
        true => format!("command: cp -- {tmp} {path}"),
        false => format!(
            "command: /usr/bin/scp -e none -o BatchMode=yes -o HostKeyAlias={node} -p -- {tmp} \
             [{node}]:{path}"
        ),
    }
}

/// Returns what the worker finds wrong with the file.
fn judge(
    call: &Call,
    content: &str,
    filename: &str,
    upload: &Upload,
    tmp: &str,
    lines: &mut Vec<String>,
) -> Result<Option<String>, Refusal> {
    if let Some(algorithm) = call.params.get("checksum-algorithm") {
        let expected = call.params.text("checksum");
        let got = upload.sum(algorithm).ok_or_else(|| {
            Refusal::unknown(format!("pve-sim: checksum-algorithm '{algorithm}' is not served"))
        })?;
        lines.push("calculating checksum...".to_owned());
        if !got.eq_ignore_ascii_case(expected) {
            return Ok(Some(format!("checksum mismatch: got '{got}' != expect '{expected}'")));
        }
        if let Some(last) = lines.last_mut() {
            last.push_str("OK, checksum verified");
        }
    }
    if filename.ends_with(".ova") {
        return Err(Refusal::unknown("pve-sim: an ova is not served"));
    }
    let rejection = match content {
        "import" => image::rejection(filename, tmp, &upload.head),
        _ => None,
    };
    if let Some((text, true)) = &rejection {
        let format = image::format_of(filename, content);
        lines.push(format!(
            "command '/usr/bin/qemu-img info '--output=json' {tmp} -f {format}' failed: exit code 1"
        ));
        return Ok(Some(text.clone()));
    }
    Ok(rejection.map(|(text, _)| text))
}

/// Reference 1, "What upload accepts".
fn accepted_name(call: &Call, content: &str) -> Result<String, Refusal> {
    let filename = normalize(call.params.text("filename"));
    let wrong = |text: &str| Err(Refusal::parameter("filename", text));
    match content {
        "iso" if !full(r"(?i).+\.(iso|img)", &filename) => wrong("wrong file extension"),
        "vztmpl" if !full(r".+\.tar(\.(gz|xz|zst|bz2))?", &filename) => {
            wrong("wrong file extension")
        }
        // Only OVA before PVE 8.4.
        "import" if call.world.release() < (8, 4) && !filename.ends_with(".ova") => {
            wrong("invalid filename or wrong extension")
        }
        "import" if !full(r"[A-Za-z0-9.+=_-]+\.(ova|qcow2|raw|vmdk)", &filename) => {
            wrong("invalid filename or wrong extension")
        }
        _ => Ok(filename),
    }
}

/// Facts 42.
pub(super) fn download_url(call: &mut Call) -> Reply {
    let node = call.node();
    let storage = call.params.text("storage").to_owned();
    let config = call.world.storage(&storage, &node)?;
    if !config.has_path() {
        let kind = &config.r#type;
        let text = format!("can't upload to storage type '{kind}', not a file based storage!");
        return Err(Refusal::die(text));
    }
    let content = call.params.text("content").to_owned();
    if !config.content.contains(&content) {
        let text = format!("storage '{storage}' is not configured for content-type '{content}'");
        return Err(Refusal::die(text));
    }
    let filename = accepted_name(call, &content)?;
    if call.params.get("compression").is_some() {
        return Err(Refusal::unknown("pve-sim: compression is not served"));
    }
    call.world.activate(&storage, &node)?;
    let volid = format!("{storage}:{content}/{filename}");
    let work = fetched(call, &node, storage, volid, &filename, &content)?;
    call.fork("download", filename, work)
}

fn fetched(
    call: &Call,
    node: &str,
    storage: String,
    volid: String,
    filename: &str,
    content: &str,
) -> Result<Work, Refusal> {
    let url = call.params.text("url");
    let found = call.world.urls.get(url).cloned().unwrap_or_else(|| {
        crate::pve_sim::world::storage::Download { status: Some(404), ..Default::default() }
    });
    let mut sums: BTreeMap<&str, &str> =
        found.checksums.iter().map(|(a, sum)| (a.as_str(), sum.as_str())).collect();
    sums.insert("sha256", &found.sha256);
    let dest =
        format!("{}/{filename}", call.world.storage(&storage, node)?.folder(&storage, content));
    let mut lines = vec![format!("downloading {url} to {dest}")];
    let algorithm = call.params.get("checksum-algorithm");
    let expected = call.params.text("checksum");
    let present = call.world.volume(node, &volid).cloned();
    let mut refused = None;
    let mut volume = Volume {
        volid,
        size: found.size,
        virtual_size: found.virtual_size,
        format: image::format_of(filename, content).to_owned(),
        sha256: Some(found.sha256.clone()),
        ..Volume::default()
    };
    match (present, algorithm) {
        (Some(_), None) => {
            refused = Some(format!("refusing to override existing file '{dest}'"));
        }
        (Some(old), Some(_)) if old.sha256.as_deref() == Some(expected) => {
            lines.push(
                "calculating checksum of existing file...OK, got correct file already, no need to download"
                    .to_owned(),
            );
            volume = old;
        }
        (Some(old), Some(_)) => {
            let got = old.sha256.unwrap_or_default();
            refused =
                Some(format!("checksum mismatch: got '{got}' != expect '{expected}', aborting"));
        }
        (None, _) if found.status.is_some_and(|status| status >= 400) => {
            let status = found.status.unwrap_or_default();
            lines.push(format!("ERROR {status}: Not Found."));
            refused = Some("download failed: exit code 8".to_owned());
        }
        (None, Some(algorithm)) => {
            let got = sums.get(algorithm).copied().ok_or_else(|| {
                Refusal::unknown(format!("pve-sim: the world names no {algorithm} of {url}"))
            })?;
            if !got.eq_ignore_ascii_case(expected) {
                refused = Some(format!("checksum mismatch: got '{got}' != expect '{expected}'"));
            }
        }
        (None, None) => {}
    }
    if refused.is_none() {
        lines.extend(dots(volume.size));
        let format = found.format.as_deref().unwrap_or(&volume.format);
        refused = format_mismatch(filename, content, &dest, format);
    }
    Ok(Work::Store { node: node.to_owned(), storage, volume, refused, lines })
}

/// Returns PVE's error for a downloaded file that does not have the format of its name.
// PVE: pve-storage, API2/Storage/Status.pm, download_url, assert_file_validity: before the file gets its name.
fn format_mismatch(filename: &str, content: &str, dest: &str, format: &str) -> Option<String> {
    let tmp = format!("{dest}.tmp_dwnl.1");
    let rejection = image::rejection(filename, &tmp, &image::head_of(format));
    rejection.filter(|_| content == "import").map(|(text, _)| text)
}

/// Returns wget's output with `--progress=dot:giga`.
// PVE: pve-common, Tools.pm, download_file_from_url.
fn dots(size: u64) -> Vec<String> {
    let line = |percent: u64| {
        let kib = size / 1024 * percent / 100;
        format!("{kib:>6}K ........ ........ ........ ........ {percent:>2}%  100M 1s")
    };
    (0..=10).map(|tenth| line(tenth * 10)).collect()
}
