//! Drives. Does no I/O.
//!
//! `storage`, `import` and `size` are our own options, which describe a disk. PVE's `file` is used
//! for CD drives.

use super::needs::on_vm;
use crate::kind::Kind;
use crate::need::{Need, On, When};
use crate::row::{Effect, Feature, Form, Key, Part};
use crate::rule;
use crate::wire::Wire;

/// PVE: qemu-server, API2/Qemu.pm, check_drive_perms and check_storage_access.
const NEEDS: &[Need] = &[
    on_vm("VM.Config.Disk").when(When::Disk),
    Need::new(On::Storage, "Datastore.AllocateSpace").when(When::Disk),
    on_vm("VM.Config.CDROM").when(When::Cd),
    on_vm("VM.Config.Cloudinit").when(When::CloudInit),
    Need::new(On::Storage, "Datastore.Audit").when(When::CdVolume),
    Need::new(On::Root, "Sys.Console").when(When::Is("file", "cdrom")),
];

/// EFI and TPM disks are never CD drives.
const DISK_NEEDS: &[Need] =
    &[on_vm("VM.Config.Disk"), Need::new(On::Storage, "Datastore.AllocateSpace")];

const PLUG: Effect = Effect::Plug(Feature::Disk);

const SOURCE: &str = "qemu-server, Drive.pm, drivedesc_base; QemuServer.pm, vmconfig_update_disk";

/// PVE: qemu-server, QemuServer.pm, vmconfig_update_disk: the medium is changed.
const FILE: Part =
    Part::new("file", Kind::Text(&rule::VOLUME), "The volume of a CD drive, or none or cdrom.")
        .aliases(&["volume"])
        .effect(Effect::Live);

const STORAGE: Part = Part::new("storage", Kind::Text(&rule::STORAGE), "The storage of the disk.")
    .effect(Effect::Live);
const IMPORT: Part =
    Part::new("import", Kind::Text(&rule::IMAGE), "The image that it is created from.")
        .effect(Effect::AtCreate);
const SIZE: Part = Part::new("size", Kind::Size, "Its size in GiB.").effect(Effect::Grow);
const FORMAT: Part = Part::new(
    "format",
    Kind::Word(&["raw", "qcow", "qed", "qcow2", "vmdk", "cloop"]),
    "The format of a new disk, if the storage supports several.",
)
.effect(Effect::AtCreate);
const MEDIA: Part =
    Part::new("media", Kind::Word(&["cdrom", "disk"]), "Whether it is a CD drive or a disk.")
        .absent("disk");
const CACHE: Part = Part::new(
    "cache",
    Kind::Word(&["none", "writethrough", "writeback", "unsafe", "directsync"]),
    "How the host caches it.",
);
const AIO: Part = Part::new(
    "aio",
    Kind::Word(&["native", "threads", "io_uring"]),
    "How the host reads and writes.",
);
const DISCARD: Part = Part::new(
    "discard",
    Kind::Word(&["ignore", "on"]),
    "Whether freed blocks are returned to the storage.",
)
.absent("ignore")
.at_create("on");
const DETECT_ZEROES: Part =
    Part::new("detect_zeroes", Kind::Flag, "Whether zeroes are written as holes.");
const IOTHREAD: Part =
    Part::new("iothread", Kind::Flag, "Whether the disk has its own I/O thread.")
        .absent("0")
        .at_create("1");
const SSD: Part = Part::new("ssd", Kind::Flag, "Whether the guest sees it as an SSD.").absent("0");
const READ_ONLY: Part = Part::new("ro", Kind::Flag, "Whether it is read-only.").absent("0");
const BACKUP: Part =
    Part::new("backup", Kind::Flag, "Whether backups include it.").absent("1").effect(Effect::Live);
const REPLICATE: Part = Part::new("replicate", Kind::Flag, "Whether replication jobs copy it.")
    .absent("1")
    .effect(Effect::Live);
const SHARED: Part = Part::new(
    "shared",
    Kind::Flag,
    "Whether the volume is available on every node without PVE's help.",
)
.absent("0")
.effect(Effect::Live);
const SNAPSHOT: Part =
    Part::new("snapshot", Kind::Flag, "Whether writes are discarded when the guest stops.")
        .absent("0");
const READ_ERROR: Part = Part::new(
    "rerror",
    Kind::Word(&["ignore", "report", "stop"]),
    "What happens when reading fails.",
);
const WRITE_ERROR: Part = Part::new(
    "werror",
    Kind::Word(&["enospc", "ignore", "report", "stop"]),
    "What happens when writing fails.",
);
const SERIAL: Part =
    Part::new("serial", Kind::Text(&rule::SERIAL), "The serial number that the guest sees.")
        .wire(Wire::Url);
const MODEL: Part =
    Part::new("model", Kind::Text(&rule::MODEL), "The model that the guest sees.").wire(Wire::Url);
const WWN: Part = Part::new("wwn", Kind::Text(&rule::WWN), "The drive's world-wide name.");
const PRODUCT: Part =
    Part::new("product", Kind::Text(&rule::PRODUCT), "The product that the guest sees.");
const VENDOR: Part =
    Part::new("vendor", Kind::Text(&rule::VENDOR), "The vendor that the guest sees.");
const QUEUES: Part = Part::new("queues", Kind::Int(2, i64::MAX), "Number of queues.");
const SCSI_BLOCK: Part = Part::new(
    "scsiblock",
    Kind::Flag,
    "Whether the guest's SCSI commands are passed through to a host disk.",
)
.absent("0");

const fn rate(name: &'static str, help: &'static str) -> Part {
    Part::new(name, Kind::Int(0, i64::MAX), help).effect(Effect::Live)
}

/// PVE stores these immediately, but passes them to QEMU only at the next start. It does not store
/// 0.
const fn bytes(name: &'static str, help: &'static str) -> Part {
    Part::new(name, Kind::Int(0, i64::MAX), help).absent("0")
}

const fn megabytes(name: &'static str, help: &'static str) -> Part {
    Part::new(name, Kind::Decimal(0, i64::MAX), help).effect(Effect::Live)
}

const fn seconds(name: &'static str, aliases: &'static [&'static str], help: &'static str) -> Part {
    Part::new(name, Kind::Int(1, i64::MAX), help).aliases(aliases).effect(Effect::Live)
}

const MBPS: Part = megabytes("mbps", "Limit in MB per second.");
const MBPS_RD: Part = megabytes("mbps_rd", "Limit for reading in MB per second.");
const MBPS_WR: Part = megabytes("mbps_wr", "Limit for writing in MB per second.");
const MBPS_MAX: Part = megabytes("mbps_max", "Burst limit in MB per second.");
const MBPS_RD_MAX: Part = megabytes("mbps_rd_max", "Burst limit for reading in MB per second.");
const MBPS_WR_MAX: Part = megabytes("mbps_wr_max", "Burst limit for writing in MB per second.");
const IOPS: Part = rate("iops", "Limit in operations per second.");
const IOPS_RD: Part = rate("iops_rd", "Limit for reading in operations per second.");
const IOPS_WR: Part = rate("iops_wr", "Limit for writing in operations per second.");
const IOPS_MAX: Part = rate("iops_max", "Burst limit in operations per second.");
const IOPS_RD_MAX: Part = rate("iops_rd_max", "Burst limit for reading in operations per second.");
const IOPS_WR_MAX: Part = rate("iops_wr_max", "Burst limit for writing in operations per second.");
const BPS: Part = bytes("bps", "Limit in bytes per second.");
const BPS_RD: Part = bytes("bps_rd", "Limit for reading in bytes per second.");
const BPS_WR: Part = bytes("bps_wr", "Limit for writing in bytes per second.");
const BPS_SECONDS: Part = seconds("bps_max_length", &[], "Seconds that mbps_max applies.");
const BPS_RD_SECONDS: Part =
    seconds("bps_rd_max_length", &["bps_rd_length"], "Seconds that mbps_rd_max applies.");
const BPS_WR_SECONDS: Part =
    seconds("bps_wr_max_length", &["bps_wr_length"], "Seconds that mbps_wr_max applies.");
const IOPS_SECONDS: Part = seconds("iops_max_length", &[], "Seconds that iops_max applies.");
const IOPS_RD_SECONDS: Part =
    seconds("iops_rd_max_length", &["iops_rd_length"], "Seconds that iops_rd_max applies.");
const IOPS_WR_SECONDS: Part =
    seconds("iops_wr_max_length", &["iops_wr_length"], "Seconds that iops_wr_max applies.");

/// The options of a bus: common ones and its own.
macro_rules! parts {
    ($($own:expr),* $(,)?) => {
        &[
            FILE, STORAGE, IMPORT, SIZE, FORMAT, MEDIA, CACHE, AIO, DISCARD, $($own,)*
            BACKUP, REPLICATE, SHARED, SNAPSHOT, DETECT_ZEROES, READ_ERROR, WRITE_ERROR, SERIAL,
            MBPS, MBPS_RD, MBPS_WR, MBPS_MAX, MBPS_RD_MAX, MBPS_WR_MAX,
            IOPS, IOPS_RD, IOPS_WR, IOPS_MAX, IOPS_RD_MAX, IOPS_WR_MAX,
            BPS, BPS_RD, BPS_WR, BPS_SECONDS, BPS_RD_SECONDS, BPS_WR_SECONDS,
            IOPS_SECONDS, IOPS_RD_SECONDS, IOPS_WR_SECONDS,
        ]
    };
}

pub(super) static VIRTIO: Key =
    Key::of("virtio", Form::Drive(parts!(IOTHREAD, READ_ONLY)), NEEDS, "A virtio disk.", SOURCE)
        .slots(16)
        .effect(PLUG);

/// PVE ignores `iothread` of other controllers: qemu-server, QemuServer.pm, config_to_command.
pub(super) static SCSI: Key = Key::of(
    "scsi",
    Form::Drive(parts!(
        IOTHREAD.only_with("scsihw", "virtio-scsi-single"),
        SSD,
        READ_ONLY,
        QUEUES,
        WWN,
        PRODUCT,
        VENDOR,
        SCSI_BLOCK,
    )),
    NEEDS,
    "A SCSI drive.",
    SOURCE,
)
.slots(31)
.effect(PLUG);

pub(super) static SATA: Key =
    Key::of("sata", Form::Drive(parts!(SSD, WWN)), NEEDS, "A SATA drive.", SOURCE).slots(6);

pub(super) static IDE: Key =
    Key::of("ide", Form::Drive(parts!(SSD, WWN, MODEL)), NEEDS, "An IDE drive.", SOURCE).slots(4);

/// PVE enrolls new certificates itself: qemu-server, OVMF.pm.
pub(super) static EFIDISK: Key = Key::of(
    "efidisk0",
    Form::Drive(&[
        STORAGE,
        FORMAT,
        Part::new("efitype", Kind::Word(&["2m", "4m"]), "Its size; Secure Boot needs 4m.")
            .absent("2m")
            .effect(Effect::AtCreate),
        Part::new("pre-enrolled-keys", Kind::Flag, "Whether it has the keys for Secure Boot.")
            .absent("0")
            .effect(Effect::AtCreate),
        Part::new(
            "ms-cert",
            Kind::Word(&["2011", "2023", "2023w", "2023k"]),
            "Which Microsoft certificates it holds, as recorded by PVE.",
        )
        .absent("2011")
        .effect(Effect::AtCreate)
        .since(9, 1),
    ]),
    DISK_NEEDS,
    "The disk for UEFI variables.",
    "qemu-server, Drive.pm, efidisk_fmt",
);

pub(super) static TPMSTATE: Key = Key::of(
    "tpmstate0",
    Form::Drive(&[
        // PVE: qemu-server, QemuServer.pm, clone_disk: it can move only while the VM is stopped.
        STORAGE.effect(Effect::Restart),
        Part::new("format", Kind::Word(&["raw", "qcow2", "vmdk"]), "The format of its disk.")
            .effect(Effect::AtCreate)
            .since(9, 1),
        Part::new("version", Kind::Word(&["v1.2", "v2.0"]), "The version of the TPM.")
            .absent("v1.2")
            .effect(Effect::AtCreate),
    ]),
    DISK_NEEDS,
    "The disk for the TPM state.",
    "qemu-server, Drive.pm, tpmstate_fmt",
);
