//! SDN in the simulator against PVE's recorded answers, request by request: status, message, errors,
//! data. A difference that has a reason is listed here with it.

use super::super::answers::recorded;
use super::super::replay::{compare, start};

/// Requests with another answer, and why.
const DIFFERENT: [(&str, &str); 1] = [(
    "POST /cluster/sdn/vnets vnet=v3 zone=?!",
    "PVE checks the privilege on an empty path, because that of the zone is invalid",
)];

#[test]
fn sdn_answers_as_recorded() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (version, worlds, answers) in recorded() {
        let mut scene = None;
        for answer in answers.iter().filter(|answer| answer.world == "sdn") {
            let same = matches!(&scene, Some((number, _, _)) if *number == answer.scene);
            if !same {
                let sim = start(worlds["sdn"].clone());
                scene = Some((answer.scene, sim, String::new()));
            }
            let Some((_, sim, lock)) = &mut scene else { unreachable!() };
            if !answer.path.contains("/sdn") {
                continue;
            }
            count += 1;
            if let Err(difference) = compare(sim, answer, lock, &DIFFERENT) {
                wrong.push(format!("{version} scene {}: {difference}", answer.scene));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} answers differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 1200, "only {count} answers");
}
