//! The recorder against the simulator.
fn main() {}
