//! Templates and clones against PVE's recorded answers, request by request: status, message, errors,
//! data, and of a task its end and its log.

use super::super::answers::{Answer, recorded};
use super::super::replay::{compare, start};
use super::super::wait;
use crate::pve_sim::PveSim;

/// Requests with another answer, and why.
const DIFFERENT: [(&str, &str); 1] = [(
    "POST /nodes/pve1/qemu/100/clone newid=101 storage=",
    "the formats are those of 9.2, which has another text for an ID that is too short",
)];

#[test]
fn clones_answer_as_recorded() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (version, worlds, answers) in recorded() {
        let mut scene: Option<(u32, PveSim)> = None;
        for answer in answers.iter().filter(|answer| is_about_clones(answer)) {
            if scene.as_ref().is_none_or(|(number, _)| *number != answer.scene) {
                scene = Some((answer.scene, start(worlds[&answer.world].clone())));
            }
            let Some((_, sim)) = &scene else { unreachable!() };
            count += 1;
            let same = compare(sim, answer, &mut String::new(), &DIFFERENT);
            if let Err(difference) = same.and_then(|()| compare_task(sim, answer)) {
                wrong.push(format!("{version} scene {}: {difference}", answer.scene));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} answers differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 600, "only {count} answers");
}

fn is_about_clones(answer: &Answer) -> bool {
    ["/clone", "/template", "/feature"].iter().any(|end| answer.path.ends_with(end))
}

fn compare_task(sim: &PveSim, answer: &Answer) -> Result<(), String> {
    let Some(task) = &answer.task else {
        return Ok(());
    };
    let world = sim.world();
    let upid = world.tasks.last().map(|task| task.upid.clone()).unwrap_or_default();
    let seen = wait(sim, &upid);
    let log: Vec<String> =
        sim.world().tasks.last().map(|task| task.log.clone()).unwrap_or_default();
    let is_progress = |line: &String| line.starts_with("transferred ");
    let log: Vec<String> = log.into_iter().filter(|line| !is_progress(line)).collect();
    let wanted = format!("\"exitstatus\":\"{}\"", task.exitstatus);
    if !seen.contains(&wanted) {
        return Err(format!("{}: {wanted}\n  sim: {seen}", answer.path));
    }
    match log == task.log {
        true => Ok(()),
        false => Err(format!("{}:\n  PVE: {:?}\n  sim: {log:?}", answer.path, task.log)),
    }
}
