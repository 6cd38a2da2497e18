//! What a text must be, one rule for each kind of name. All stages use these. Does no I/O.

mod definition;
mod hardware;
mod name;
mod network;
mod text;

pub use definition::Rule;
pub use hardware::*;
pub use name::*;
pub use network::*;
pub use text::*;
