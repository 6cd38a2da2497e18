//! Signals stop a run in an orderly way: nothing incomplete is left behind, running tasks of PVE are named,
//! and the exit code shows whether something may have changed.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    reason = "a test may unwrap, start the tool and read the clock, also in what its tests share"
)]

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::pve_sim::{Options, Pace, PveSim, World, faults};

/// A node whose tasks take so long, and a folder that is the run's home.
struct Scene {
    sim: PveSim,
    home: tempfile::TempDir,
}

/// A run that goes on.
struct Run<'a> {
    scene: &'a Scene,
    child: Child,
}

impl Scene {
    fn new(millis: u64, faults: &str) -> Self {
        let pace = Pace::Millis(millis);
        let faults = faults::from_json(faults).unwrap();
        let options = Options { pace, faults, ..Options::default() };
        let sim = PveSim::start(World::from_json("{}").unwrap(), options).unwrap();
        Self { sim, home: tempfile::tempdir().unwrap() }
    }

    /// Starts the filter on a document with these images, as `shell` does it: `"$0"` is the tool.
    fn start(&self, shell: &str, sources: &[(&str, Value)]) -> Run<'_> {
        let vm = |name: &str| json!({"name": name, "image": name, "cores": 1, "memory": 512, "disk": 10});
        let document = json!({
            "node": "pve1", "api_endpoint": self.sim.endpoint(), "api_token": self.sim.token(),
            "image_sources": sources.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            "vms": sources.iter().map(|(name, _)| vm(name)).collect::<Vec<_>>(),
        });
        let mut child = Command::new("sh")
            .args(["-c", shell, env!("CARGO_BIN_EXE_image-publish")])
            .current_dir(self.home.path())
            .env("HOME", self.home.path())
            .env_remove("XDG_CACHE_HOME")
            .env("PVE_FINGERPRINT", self.sim.fingerprint())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(File::create(self.home.path().join("stderr")).unwrap())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(document.to_string().as_bytes()).unwrap();
        Run { scene: self, child }
    }

    fn stderr(&self) -> String {
        std::fs::read_to_string(self.home.path().join("stderr")).unwrap()
    }

    /// Returns the files of the run's own in the cache folder: spooled ones and locks.
    fn own_files(&self) -> Vec<String> {
        let folder = self.home.path().join(".cache/pve-pipeline");
        let files = std::fs::read_dir(folder).into_iter().flatten();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != "images.json").collect()
    }

    fn is_spooling(&self) -> bool {
        self.own_files().iter().any(|name| name.starts_with("spool-"))
    }

    fn has_asked(&self, method: &str, end: &str) -> bool {
        self.sim.requests().iter().any(|r| r.method == method && r.path.ends_with(end))
    }
}

impl Run<'_> {
    /// Sends a signal as soon as something is so.
    fn signal_when(&mut self, name: &str, is_so: impl Fn() -> bool) {
        while !is_so() {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "{}", self.scene.stderr());
            std::thread::sleep(Duration::from_millis(5));
        }
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for the end and compares the exit code and a line of stderr.
    fn check_end(mut self, status: i32, line: &str) {
        let signalled = Instant::now();
        let ended = loop {
            if let Some(ended) = self.child.try_wait().unwrap() {
                break ended.code();
            }
            if signalled.elapsed() > Duration::from_secs(30) {
                self.child.kill().unwrap();
                panic!("it goes on: {}", self.scene.stderr());
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let stderr = self.scene.stderr();
        assert_eq!(ended, Some(status), "{stderr}");
        assert!(stderr.contains(line), "{stderr}");
        assert_eq!(self.scene.own_files(), Vec::<String>::new(), "{stderr}");
    }
}

/// The path of the example's image.
fn example_file() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.join("examples/site/images/debian-12/debian-12.qcow2")
}

/// The example's image.
fn example() -> Value {
    json!({"file": example_file()})
}

/// A web server that begins to send the example's image, and then goes on byte by byte.
fn dripping_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || drip(stream));
        }
    });
    format!("http://127.0.0.1:{port}/a.qcow2")
}

fn drip(mut stream: TcpStream) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let is_image = lines.next().is_some_and(|first| first.contains("/a.qcow2 "));
    lines.find(String::is_empty);
    if !is_image {
        let none = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        // Whoever has gone away needs no answer.
        let _ = stream.write_all(none);
        return;
    }
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\nConnection: close\r\n\r\n";
    let mut image = std::fs::read(example_file()).unwrap();
    image.resize(128 << 10, 0);
    let mut sent = stream.write_all(&[&head[..], &image].concat());
    while sent.is_ok() {
        sent = stream.write_all(&[0; 100]);
        std::thread::sleep(Duration::from_millis(20));
    }
}

const PLAIN: &str = r#"exec "$0""#;

#[test]
fn a_signal_ends_the_wait_but_not_the_task() {
    for name in ["INT", "TERM", "HUP", "QUIT"] {
        let scene = Scene::new(60_000, "[]");
        let mut run = scene.start(PLAIN, &[("a", example())]);
        run.signal_when(name, || scene.has_asked("POST", "/upload"));
        run.check_end(3, "uploading image \"a\": stopped by a signal");
        let world = scene.sim.world();
        let [task] = &world.tasks[..] else { panic!("{:?}", world.tasks) };
        assert!(
            scene.stderr().contains(&format!("still running: task {}", task.upid)),
            "{}",
            scene.stderr()
        );
        assert_eq!((task.kind.as_str(), &task.exitstatus), ("imgcopy", &None));
        assert!(!scene.has_asked("DELETE", "qcow2"), "what goes on is not cleaned up");
    }
}

#[test]
fn an_interrupted_download_leaves_no_file() {
    for name in ["TERM", "HUP", "QUIT"] {
        let scene = Scene::new(0, "[]");
        let sum = format!("sha256:{}", "0".repeat(64));
        let source = json!({"url": dripping_url(), "checksum": sum, "mode": "upload"});
        let mut run = scene.start(PLAIN, &[("a", source)]);
        run.signal_when(name, || scene.is_spooling());
        run.check_end(1, "cannot be fetched completely: stopped by a signal");
        assert!(!scene.has_asked("POST", "/upload"));
    }
}

#[test]
fn reading_a_long_file_stops() {
    let scene = Scene::new(0, "[]");
    let path = scene.home.path().join("long.raw");
    let mut file = File::create(&path).unwrap();
    let mut sector = [0; 512];
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    file.write_all(&sector).unwrap();
    file.set_len(400 << 30).unwrap();
    let mut run = scene.start(PLAIN, &[("a", json!({"file": path})), ("b", example())]);
    run.signal_when("HUP", || scene.stderr().contains("reading"));
    run.check_end(1, "long.raw: cannot be read: stopped by a signal");
    assert!(scene.sim.requests().is_empty());
}

/// A read from a socket with a deadline is not begun again by the system after a signal: an upload whose
/// answer is awaited then must not count as lost.
#[test]
fn a_signal_does_not_abort_the_current_request() {
    let slow = r#"[{"when": "POST /nodes/*/storage/*/upload", "then": {"delay_ms": 3000}}]"#;
    let scene = Scene::new(60_000, slow);
    let mut run = scene.start(PLAIN, &[("a", example())]);
    run.signal_when("TERM", || {
        let is_sending = scene.stderr().contains("uploading");
        // The whole file has left by then, and the node still sleeps.
        std::thread::sleep(Duration::from_millis(if is_sending { 1000 } else { 0 }));
        is_sending
    });
    run.check_end(3, "uploading image \"a\": stopped by a signal");
    assert!(scene.stderr().contains("still running: task "), "{}", scene.stderr());
}

#[test]
fn images_that_were_not_started_are_named() {
    let slow = r#"[{"when": "POST /nodes/*/storage/*/upload", "then": {"task": {"length": 0}}},
                   {"when": "GET /nodes/*/tasks/*/status", "then": {"delay_ms": 500}}]"#;
    let scene = Scene::new(60_000, slow);
    let mut run = scene.start(PLAIN, &[("a", example()), ("b", example())]);
    run.signal_when("TERM", || scene.has_asked("POST", "/upload"));
    run.check_end(3, "image \"b\" was not published: stopped by a signal");
    assert!(scene.stderr().contains("done: a"), "{}", scene.stderr());
    assert_eq!(scene.sim.world().volumes.len(), 1);
}

#[test]
fn signals_ignored_at_the_start_stay_ignored() {
    for name in ["HUP", "QUIT"] {
        let scene = Scene::new(700, "[]");
        let mut run = scene.start(&format!(r#"trap '' {name}; exec "$0""#), &[("a", example())]);
        run.signal_when(name, || scene.has_asked("POST", "/upload"));
        run.check_end(0, "");
        assert_eq!(scene.sim.world().volumes.len(), 1);
    }
}

/// A web server that asks for a long wait.
fn busy_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            lines.by_ref().map_while(Result::ok).find(String::is_empty);
            let busy = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nRetry-After: 250\r\nConnection: close\r\n\r\n";
            stream.write_all(busy).unwrap();
        }
    });
    format!("http://127.0.0.1:{port}/a.qcow2")
}

#[test]
fn a_signal_ends_the_wait_for_a_busy_server() {
    let sum = format!("sha256:{}", "0".repeat(64));
    for source in [json!({"url": busy_url()}), json!({"url": busy_url(), "checksum": sum})] {
        let scene = Scene::new(0, "[]");
        let mut run = scene.start(PLAIN, &[("a", source)]);
        run.signal_when("INT", || scene.stderr().contains("waiting 250 s, as the server asks"));
        run.check_end(1, "the server answered with status 503: stopped by a signal");
    }
}
