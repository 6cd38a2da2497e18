//! image-publish against the simulator: memory, and speed compared with curl's.

use crate::cluster::{document, start, trusting};
use crate::measure::Tool;
use crate::table::Table;
use serde_json::json;
use std::error::Error;
use std::path::Path;
use test_support::pve_sim::{Pace, PveSim};

/// Uploads a sparse image of 2 GiB, then finds it on the storage.
pub(crate) fn measure(table: &mut Table) -> Result<(), Box<dyn Error>> {
    let sim = start(Pace::Polls(0))?;
    let folder = tempfile::tempdir()?;
    let image = folder.path().join("large.raw");
    let file = std::fs::File::create(&image)?;
    file.set_len(2 << 30)?;
    // A boot sector, so that it is recognised as a disk image.
    std::os::unix::fs::FileExt::write_all_at(&file, &[0x55, 0xaa], 510)?;
    let mut document = document(&sim, 1);
    document["image_sources"] = json!({"debian-12": {"file": image}});
    if let Some(top) = document.as_object_mut() {
        top.remove("images");
    }
    let tool = trusting(Tool::new("image-publish"), &sim, folder.path())
        .stdin(document.to_string().into_bytes());
    let first = tool.once()?;
    table.at_most("image-publish, upload of 2 GiB: peak memory, MiB", first.peak_mib(), 24.0);
    table.seen("image-publish, upload of 2 GiB: CPU, ms", first.cpu_ms());
    beside_curl(table, &sim, &image, &tool)?;
    sim.forget_requests();
    let again = tool.once()?;
    table.at_most("image-publish, image unchanged: calls", sim.requests().len() as f64, 1.0);
    table.at_most("image-publish, image unchanged: CPU, ms", again.cpu_ms(), 20.0);
    Ok(())
}

/// Measures the same upload by the tool and by curl, one after the other; the tool already knows the checksum.
fn beside_curl(
    table: &mut Table,
    sim: &PveSim,
    image: &Path,
    tool: &Tool,
) -> Result<(), Box<dyn Error>> {
    let sum = sim.world().volumes.iter().find_map(|volume| volume.sha256.clone());
    let sum = sum.ok_or("nothing was uploaded")?;
    let mut curl = std::process::Command::new("curl");
    curl.args(["--silent", "--fail", "--insecure", "--output", "/dev/null"])
        .args(["--header", &format!("Authorization: PVEAPIToken={}", sim.token())])
        .args(["--form", "content=import", "--form", "checksum-algorithm=sha256"])
        .args(["--form", &format!("checksum={sum}")])
        .args(["--form", &format!("filename=@{};filename=curl.raw", image.display())])
        .arg(format!("{}/api2/json/nodes/pve1/storage/local/upload", sim.endpoint()));
    let mut best = [f64::MAX; 2];
    for _ in 0..3 {
        sim.edit(|world| world.volumes.clear());
        let begun = std::time::Instant::now();
        tool.once()?;
        best[0] = best[0].min(begun.elapsed().as_secs_f64());
        let begun = std::time::Instant::now();
        match curl.status() {
            Err(_) => return Ok(()), // No curl, nothing to compare with.
            Ok(status) if !status.success() => return Err(format!("curl: {status}").into()),
            Ok(_) => best[1] = best[1].min(begun.elapsed().as_secs_f64()),
        }
    }
    sim.settle();
    table.seen("image-publish, upload of 2 GiB: MiB a second", 2048.0 / best[0]);
    table.at_most("image-publish, upload of 2 GiB: time / curl's", best[0] / best[1], 1.25);
    Ok(())
}
