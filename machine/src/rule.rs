//! What a text must be, one rule for each kind of name. All stages use these. Does no I/O.

mod hardware;
mod judge;
mod name;
mod network;
mod text;

pub use hardware::*;
pub use judge::Rule;
pub use name::*;
pub use network::*;
pub use text::*;
