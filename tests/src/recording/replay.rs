//! A recording against the simulator: every difference, in words.

use super::line::{self, Answer, Recorded};
use super::names::Names;
use super::node::{Node, Trust};
use super::record::Last;
use super::rules;
use crate::pve_sim::{Options, PveSim, World};

const SECRET: &str = "00000000-0000-4000-8000-000000000001";

/// Replays a recording; returns the number of requests and the differences.
pub fn replay(text: &str) -> Result<(usize, Vec<String>), String> {
    let (worlds, rows) = line::parse::<Recorded>(text)?;
    let mut different = Vec::new();
    let mut scene: Option<(u32, PveSim, Node, Last)> = None;
    for row in &rows {
        let request = &row.request;
        if scene.as_ref().is_none_or(|(number, ..)| *number != request.scene) {
            let definition =
                worlds.get(&request.world).ok_or(format!("no world {:?}", request.world))?;
            let (sim, node) = start(&definition.to_string())?;
            scene = Some((request.scene, sim, node, Last::default()));
        }
        let Some((_, sim, node, last)) = &mut scene else { continue };
        let unsupported = sim.refused().len();
        let mut seen = last.ask(node, &Names::recorded(), request)?;
        if rules::is_whole(&request.method, &request.path) && row.answer.status < 300 {
            // Only the recorded cluster has such an answer; that there is one is what both must have.
            seen.data.clone_from(&row.answer.data);
        }
        // What the simulator does not support, the tools do not call.
        if sim.refused().len() > unsupported {
            continue;
        }
        if seen != row.answer {
            different.push(describe(row, &seen));
        }
    }
    Ok((rows.len(), different))
}

fn start(definition: &str) -> Result<(PveSim, Node), String> {
    let mut world = World::from_json(definition)?;
    for token in world.access.tokens.values_mut() {
        SECRET.clone_into(&mut token.secret);
    }
    let sim = PveSim::start(world, Options::default()).map_err(|e| e.to_string())?;
    let trust = Trust::Authorities(sim.ca_pem().as_bytes().to_vec());
    let node = Node::new(&sim.endpoint(), &format!("admin@pve!full={SECRET}"), &trust)?;
    Ok((sim, node))
}

fn describe(row: &Recorded, seen: &Answer) -> String {
    let show = |answer: &Answer| serde_json::to_string(answer).unwrap_or_default();
    let request = &row.request;
    format!(
        "scene {} ({}): {} {} {:?}\n  recorded:  {}\n  simulator: {}",
        request.scene,
        request.world,
        request.method,
        request.path,
        request.parameters,
        show(&row.answer),
        show(seen)
    )
}
