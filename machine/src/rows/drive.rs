//! Drives. Does no I/O.

use super::on_vm;
use crate::kind::Kind;
use crate::row::{Effect, Feature, Form, Key, Need, On, Part};
use crate::rule;

const NEEDS: &[Need] =
    &[on_vm("VM.Config.Disk"), Need { on: On::Storage, privilege: "Datastore.AllocateSpace" }];

const PLUG: Effect = Effect::Plug(Feature::Disk);

const FILE: Part = Part::new("file", Kind::Text(&rule::VOLUME), "The volume of a CD drive.");
const STORAGE: Part = Part::new("storage", Kind::Text(&rule::STORAGE), "The storage of the disk.");
const IMPORT: Part = Part::new("import", Kind::Text(&rule::IMAGE), "The image that it is made of.")
    .effect(Effect::AtCreate);
const SIZE: Part = Part::new("size", Kind::Size, "Its size in GiB.").effect(Effect::Grow);
const DISCARD: Part = Part::new(
    "discard",
    Kind::Word(&["ignore", "on"]),
    "Whether freed blocks are given back to the storage.",
)
.absent("ignore")
.at_create("on");
const IOTHREAD: Part =
    Part::new("iothread", Kind::Flag, "A thread of its own.").absent("0").at_create("1");

pub(super) static VIRTIO: Key = Key::of(
    "virtio",
    Form::Drive(&[FILE, STORAGE, IMPORT, SIZE, DISCARD, IOTHREAD]),
    NEEDS,
    "A virtio disk.",
    "qemu-server, QemuServer/Drive.pm",
)
.slots(16)
.effect(PLUG);

pub(super) static SCSI: Key = Key::of(
    "scsi",
    Form::Drive(&[FILE, STORAGE, IMPORT, SIZE, DISCARD, IOTHREAD]),
    NEEDS,
    "A SCSI drive.",
    "qemu-server, QemuServer/Drive.pm",
)
.slots(31)
.effect(PLUG);
