//! What the fuzz targets do with their bytes: one function each, which panics if a property does not hold.
//!
//! libFuzzer calls them in tests/fuzz, and tests/corpora.rs with each file of a corpus.

mod answer;
mod checksum_list;
mod document;
mod image;
mod node;
mod observed;
mod partitions;
mod plan;
mod property_string;
mod qcow2;
mod site;
mod token;
mod upid;
mod vmdk;

pub use answer::answer;
pub use checksum_list::checksum_list;
pub use document::document;
pub use observed::observed;
pub use partitions::partitions;
pub use plan::plan;
pub use property_string::property_string;
pub use qcow2::qcow2;
pub use site::site;
pub use token::token;
pub use upid::upid;
pub use vmdk::vmdk;

/// A fuzz target.
pub struct Target {
    /// Its name, which is also that of its corpus and of its program.
    pub name: &'static str,
    /// Checks its properties for an input.
    pub check: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 12] = [
    Target { name: "answer", check: answer },
    Target { name: "checksum_list", check: checksum_list },
    Target { name: "document", check: document },
    Target { name: "observed", check: observed },
    Target { name: "partitions", check: partitions },
    Target { name: "plan", check: plan },
    Target { name: "property_string", check: property_string },
    Target { name: "qcow2", check: qcow2 },
    Target { name: "site", check: site },
    Target { name: "token", check: token },
    Target { name: "upid", check: upid },
    Target { name: "vmdk", check: vmdk },
];
