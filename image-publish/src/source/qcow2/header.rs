//! The header, and whether QEMU would open it. Does no I/O.
//!
//! After QEMU's docs/interop/qcow2, and what its block/qcow2.c, qcow2_do_open, refuses.

use crate::source::unfit::Unfit;

/// Incompatible features of version 3.
pub(super) const DIRTY: u64 = 1;
pub(super) const CORRUPT: u64 = 1 << 1;
pub(super) const DATA_FILE: u64 = 1 << 2;
const COMPRESSION: u64 = 1 << 3;
const EXTENDED_L2: u64 = 1 << 4;
/// All features known in 2026.
const KNOWN: u64 = DIRTY | CORRUPT | DATA_FILE | COMPRESSION | EXTENDED_L2;

/// QEMU's limits: of an L1 table in entries, of the refcount table in bytes, and of snapshots.
const MOST_L1: u32 = 4 << 20;
const MOST_REFCOUNTS: u64 = 8 << 20;
const MOST_SNAPSHOTS: u32 = 65536;

/// The fields that matter here.
pub(super) struct Header {
    version: u32,
    backing_offset: u64,
    backing_length: u32,
    pub(super) cluster_bits: u32,
    size: u64,
    pub(super) crypt_method: u32,
    pub(super) l1_size: u32,
    pub(super) l1_offset: u64,
    pub(super) refcounts_offset: u64,
    refcount_clusters: u32,
    snapshots: u32,
    snapshots_offset: u64,
    pub(super) incompatible: u64,
    refcount_order: u32,
    length: u32,
    /// How clusters are compressed: 0 for zlib, 1 for zstd.
    compression: u8,
}

impl Header {
    pub(super) fn read(head: &[u8]) -> Result<Self, Unfit> {
        let fields = Fields(head);
        let version = fields.u32(4)?;
        let newer = version >= 3;
        let incompatible = if newer { fields.u64(72)? } else { 0 };
        let length = if newer { fields.u32(100)? } else { 72 };
        let header = Self {
            version,
            backing_offset: fields.u64(8)?,
            backing_length: fields.u32(16)?,
            cluster_bits: fields.u32(20)?,
            size: fields.u64(24)?,
            crypt_method: fields.u32(32)?,
            l1_size: fields.u32(36)?,
            l1_offset: fields.u64(40)?,
            refcounts_offset: fields.u64(48)?,
            refcount_clusters: fields.u32(56)?,
            snapshots: fields.u32(60)?,
            snapshots_offset: fields.u64(64)?,
            incompatible,
            refcount_order: if newer { fields.u32(96)? } else { 4 },
            length,
            compression: if length > 104 { fields.u8(104)? } else { 0 },
        };
        match header.fault() {
            Some(what) => Err(Unfit::BadHeader { format: "qcow2", what }),
            None => Ok(header),
        }
    }

    /// Returns what QEMU does not accept in a header.
    fn fault(&self) -> Option<String> {
        if !(2..=3).contains(&self.version) {
            return Some(format!("version {}", self.version));
        }
        if !(9..=21).contains(&self.cluster_bits) {
            return Some(format!("clusters of 2^{} bytes", self.cluster_bits));
        }
        let cluster = self.cluster();
        if self.incompatible & !KNOWN != 0 {
            return Some(format!("the features {:#x} are unknown", self.incompatible & !KNOWN));
        }
        let fixed = if self.version == 2 { 72 } else { 104 };
        if u64::from(self.length) > cluster || self.length < fixed {
            return Some(format!("a header of {} bytes", self.length));
        }
        if self.backing_offset > cluster {
            return Some(format!("the name of a backing file at byte {}", self.backing_offset));
        }
        let is_other = self.incompatible & COMPRESSION != 0;
        if self.compression > 1 || (self.compression != 0) != is_other {
            return Some(format!("compression {}", self.compression));
        }
        if self.refcount_order > 6 {
            return Some(format!("reference counts of 2^{} bits", self.refcount_order));
        }
        self.fault_of_tables()
    }

    fn fault_of_tables(&self) -> Option<String> {
        let cluster = self.cluster();
        let refcounts = u64::from(self.refcount_clusters) * cluster;
        if refcounts == 0 || refcounts > MOST_REFCOUNTS {
            return Some(format!("reference counts of {refcounts} bytes"));
        }
        if self.l1_size > MOST_L1 {
            return Some(format!("a table of {} entries", self.l1_size));
        }
        let of_one_table = cluster * (cluster / self.entry_size());
        if u64::from(self.l1_size) < self.size.div_ceil(of_one_table) {
            return Some(format!("{} tables for a disk of {} bytes", self.l1_size, self.size));
        }
        if self.snapshots > MOST_SNAPSHOTS {
            return Some(format!("{} snapshots", self.snapshots));
        }
        [self.l1_offset, self.refcounts_offset, self.snapshots_offset]
            .into_iter()
            .find(|offset| !offset.is_multiple_of(cluster) || i64::try_from(*offset).is_err())
            .map(|offset| format!("a table at byte {offset}"))
    }

    /// Returns the size of a cluster in bytes.
    pub(super) fn cluster(&self) -> u64 {
        1 << self.cluster_bits
    }

    /// Returns the size of an L2 entry: an extended one has a second half, of bits for each part of its
    /// cluster.
    pub(super) fn entry_size(&self) -> u64 {
        if self.incompatible & EXTENDED_L2 == 0 { 8 } else { 16 }
    }

    /// Returns the size of the disk: QEMU ignores a part of a sector.
    pub(super) fn virtual_size(&self) -> u64 {
        self.size & !511
    }

    /// Returns the name of the backing file, if there is one.
    pub(super) fn backing_name(&self, head: &[u8]) -> Option<String> {
        if self.backing_offset == 0 || self.backing_length == 0 {
            return None;
        }
        let start = usize::try_from(self.backing_offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(self.backing_length as usize);
        Some(String::from_utf8_lossy(head.get(start..end).unwrap_or_default()).into_owned())
    }
}

/// The first bytes, as big-endian numbers.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&self, at: usize) -> Result<[u8; N], Unfit> {
        let bytes = self.0.get(at..at + N).and_then(|bytes| bytes.try_into().ok());
        bytes.ok_or_else(|| Unfit::CutOff { what: "its header is incomplete".to_owned() })
    }

    fn u8(&self, at: usize) -> Result<u8, Unfit> {
        self.array(at).map(|[byte]| byte)
    }

    fn u32(&self, at: usize) -> Result<u32, Unfit> {
        self.array(at).map(u32::from_be_bytes)
    }

    fn u64(&self, at: usize) -> Result<u64, Unfit> {
        self.array(at).map(u64::from_be_bytes)
    }
}
