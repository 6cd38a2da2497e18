//! image-publish against the simulator: memory, and speed compared with curl's.

use crate::cluster::{document, start, trusting};
use crate::measure::Tool;
use crate::table::Table;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use test_support::pve_sim::{Options, Pace, PveSim, World};

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
    // On the machine that this was measured on, 1,700 ms: SHA-256 750, AES 200, the rest copies and the kernel.
    table.at_most("image-publish, upload: CPU, ms a GiB", first.cpu_ms() / 2.0, 2_500.0);
    beside_curl(table, &sim, &image, &tool)?;
    sim.forget_requests();
    let again = tool.once()?;
    table.at_most("image-publish, image unchanged: calls", sim.requests().len() as f64, 1.0);
    table.at_most("image-publish, image unchanged: CPU, ms", again.cpu_ms(), 20.0);
    on_three_nodes(table)
}

/// Publishes an image from a web server on three nodes, then finds it there.
fn on_three_nodes(table: &mut Table) -> Result<(), Box<dyn Error>> {
    const NODES: [&str; 3] = ["pve1", "pve2", "pve3"];
    let world = json!({"nodes": {"pve1": {}, "pve2": {}, "pve3": {}}});
    let options = Options { pace: Pace::Polls(0), ..Options::default() };
    let sim = PveSim::start(World::from_json(&world.to_string())?, options)?;
    let mut image = vec![0; 64 << 20];
    image[510..512].copy_from_slice(&[0x55, 0xaa]);
    let sum: String = Sha256::digest(&image).iter().map(|byte| format!("{byte:02x}")).collect();
    let (url, asked) = serve(image)?;
    let source = json!({"url": url, "checksum": format!("sha256:{sum}"), "mode": "upload"});
    let vm =
        |node: &&str| json!({"name": format!("on-{node}"), "node": node, "image": "a", "disk": 10});
    let document = json!({
        "node": "pve1", "api_endpoint": sim.endpoint(), "api_token": sim.token(),
        "nodes": {"pve1": {}, "pve2": {}, "pve3": {}}, "image_sources": {"a": source},
        "vms": NODES.iter().map(vm).collect::<Vec<_>>(),
    });
    let folder = tempfile::tempdir()?;
    let tool = trusting(Tool::new("image-publish"), &sim, folder.path())
        .stdin(document.to_string().into_bytes());
    let first = tool.once()?;
    let uploads = sim.requests().iter().filter(|request| request.path.ends_with("/upload")).count();
    if uploads != NODES.len() {
        return Err(format!("{uploads} uploads to {} nodes", NODES.len()).into());
    }
    // The first bytes once, and the whole once.
    let reads = asked.load(Ordering::SeqCst) as f64;
    table.at_most("image-publish, 64 MiB to 3 nodes: requests to its web server", reads, 2.0);
    table.at_most("image-publish, 64 MiB to 3 nodes: peak memory, MiB", first.peak_mib(), 32.0);
    sim.forget_requests();
    tool.once()?;
    // The nodes, whether they share the storage, and a listing for each.
    let calls = sim.requests().len() as f64;
    table.at_most("image-publish, image unchanged on 3 nodes: calls", calls, 5.0);
    Ok(())
}

/// Starts a web server that has one file, and counts its requests.
fn serve(file: Vec<u8>) -> Result<(String, Arc<AtomicUsize>), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/a.raw", listener.local_addr()?);
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            lines.find(String::is_empty);
            counter.fetch_add(1, Ordering::SeqCst);
            let length = file.len();
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            // A client that only looks at the first bytes closes the connection.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&file));
        }
    });
    Ok((url, asked))
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
