//! Drives. Does no I/O.

use super::limit;
use super::view::{Options, View, get, parts_of, problem};
use crate::config_key::ConfigKey;
use crate::number::parse_size;
use crate::parts::Parts;
use crate::row::Form;
use crate::settings::Problem;

pub(super) fn validate(view: &View<'_>, problems: &mut Vec<Problem>) {
    let mut cloud_init: Option<ConfigKey> = None;
    let is_bus = |key: &ConfigKey| matches!(key.key.form, Form::Drive(_)) && key.slot.is_some();
    if let Some(new) = view.new.filter(|new| !is_bus(&new.boot_disk)) {
        let fact = format!("must be a disk slot, not {}", new.boot_disk);
        problems.push(problem("boot_disk", "", fact, Some("use a slot such as virtio0 or scsi0")));
    }
    for (key, options) in view.all().filter(|(key, _)| is_bus(key)) {
        let parts = parts_of(options);
        if get(options, "file").is_some() {
            cd(view, key, options, &parts, problems);
        } else {
            disk(view, key, options, problems);
        }
        if parts.is_cloud_init() {
            match cloud_init {
                None => cloud_init = Some(key),
                // PVE: qemu-server, API2/Qemu.pm, create_disks.
                Some(first) => {
                    let fact = format!("cannot be a cloud-init drive: {first} already is one");
                    problems.push(problem(key, "file", fact, None));
                }
            }
        }
        limit::validate(view, key, options, problems);
    }
}

fn cd(
    view: &View<'_>,
    key: ConfigKey,
    options: &Options,
    parts: &Parts,
    problems: &mut Vec<Problem>,
) {
    if !parts.is_cd() || get(options, "media") == Some("disk") {
        // PVE: qemu-server, API2/Qemu.pm, check_drive_param, of ISO images.
        let fact = "is for CD drives only";
        let hint = "for a CD drive, add `media: cdrom`; for a new disk, write tank:32, or set \
                    `storage` and `size` or `import`";
        problems.push(problem(key, "file", fact, Some(hint)));
    } else if view.new.is_some_and(|new| new.boot_disk == key) {
        problems.push(problem(key, "file", "cannot be set on the boot disk", None));
    } else if key.key.part.name == "virtio" {
        // PVE: qemu-server, Drive.pm, parse_drive.
        let hint = "use ide, sata or scsi";
        problems.push(problem(
            key,
            "file",
            "is for CD drives, which virtio does not support",
            Some(hint),
        ));
    }
    for name in ["size", "storage", "import"] {
        if get(options, name).is_some() {
            problems.push(problem(
                key,
                name,
                "cannot be combined with `file`: it is for disks only",
                None,
            ));
        }
    }
    // PVE: qemu-server, Drive.pm, parse_drive.
    for name in ["snapshot", "format"] {
        if get(options, name).is_some_and(|value| value != "0") {
            problems.push(problem(key, name, "is for disks only", None));
        }
    }
    // PVE: qemu-server, Drive.pm, detect_zeroes_cmdline_option.
    if get(options, "detect_zeroes").is_some() && parts.is_cd() {
        problems.push(problem(key, "detect_zeroes", "is for disks only", None));
    }
}

fn disk(view: &View<'_>, key: ConfigKey, options: &Options, problems: &mut Vec<Problem>) {
    if get(options, "media") == Some("cdrom") {
        if view.new.is_some() {
            let hint = "use `file: none` for an empty drive";
            problems.push(problem(key, "", "requires `file` for a CD drive", Some(hint)));
        }
    } else if view.new.is_some_and(|new| new.boot_disk != key)
        && get(options, "size").is_none()
        && get(options, "import").is_none()
    {
        problems.push(problem(key, "", "requires `size` in GiB or `import` with an image", None));
    }
    if get(options, "size").and_then(parse_size) == Some(0) {
        problems.push(problem(key, "size", "must be greater than 0", None));
    }
    // PVE: qemu-server, Blockdev.pm: QEMU supports native I/O only without the host's cache.
    let cached = get(options, "cache").filter(|c| !matches!(*c, "none" | "directsync"));
    if let (Some("native"), Some(cache)) = (get(options, "aio"), cached) {
        let fact = format!("cannot be native with `cache: {cache}`");
        problems.push(problem(key, "aio", fact, Some("use `cache: none` or `cache: directsync`")));
    }
}
