//! Rules for texts, one for each kind of name. All stages use them. Does no I/O.

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
