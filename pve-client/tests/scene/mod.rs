//! A simulator with a world, and a client for it.

#![expect(
    clippy::unwrap_used,
    reason = "a test may unwrap, also in the functions that its tests share"
)]

use pve_client::{Client, Endpoint, Timeouts, Trust};
use test_support::pve_sim::{Options, PveSim, World};

/// Starts a simulator with a world, and a client that trusts it.
pub(crate) fn start(world: &str, options: Options) -> (PveSim, Client) {
    let sim = PveSim::start(World::from_json(world).unwrap(), options).unwrap();
    let client = Client::new(Endpoint {
        url: sim.endpoint().parse().unwrap(),
        token: sim.token().parse().unwrap(),
        trust: Trust::CaFile(sim.ca_pem().as_bytes().to_vec()),
        timeouts: Timeouts::default(),
    });
    (sim, client)
}
