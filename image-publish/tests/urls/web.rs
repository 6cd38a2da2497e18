//! A web server on the loopback: pages by path, which may change and may be cut off.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::{ServerConnection, StreamOwned};
use test_support::pve_sim::certificate::{self, Identity};

/// What a path holds.
#[derive(Clone)]
pub(crate) struct Page {
    status: &'static str,
    headers: String,
    bytes: Vec<u8>,
    cut_at: usize,
    cuts: u32,
}

impl Page {
    /// A page that is there.
    pub(crate) fn ok(bytes: Vec<u8>) -> Self {
        let headers = format!("Content-Length: {}\r\n", bytes.len());
        Self { status: "200 OK", headers, cut_at: bytes.len(), bytes, cuts: 0 }
    }

    /// An answer with this status and nothing else.
    pub(crate) fn status(status: &'static str) -> Self {
        Self { status, ..Self::ok(Vec::new()) }
    }

    /// The way to another URL.
    pub(crate) fn moved_to(url: &str) -> Self {
        let headers = format!("Content-Length: 0\r\nLocation: {url}\r\n");
        Self { headers, ..Self::status("302 Found") }
    }

    /// The server does not say how long the page is.
    pub(crate) fn without_length(self) -> Self {
        Self { headers: String::new(), ..self }
    }

    /// The connection ends after so many bytes, so many times.
    pub(crate) fn cut_off_after(self, bytes: usize, times: u32) -> Self {
        Self { cut_at: bytes, cuts: times, ..self }
    }
}

#[derive(Default)]
struct State {
    pages: BTreeMap<String, Page>,
    asked: Vec<String>,
    heads: String,
}

/// The server. Its thread ends with the test.
pub(crate) struct Web {
    scheme: &'static str,
    port: u16,
    state: Arc<Mutex<State>>,
}

impl Web {
    /// Starts on a free port.
    pub(crate) fn start(pages: Vec<(&str, Page)>) -> Self {
        Self::serve("http", pages, answer)
    }

    /// Starts one that speaks TLS; the text is the CA that a client must trust.
    pub(crate) fn start_tls(pages: Vec<(&str, Page)>) -> (Self, String) {
        let Identity { ca_pem, config, .. } = certificate::make().unwrap();
        let web = Self::serve("https", pages, move |stream, state| {
            answer(StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream), state);
        });
        (web, ca_pem)
    }

    fn serve(
        scheme: &'static str,
        pages: Vec<(&str, Page)>,
        answer: impl Fn(TcpStream, &Mutex<State>) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let pages = pages.into_iter().map(|(path, page)| (path.to_owned(), page)).collect();
        let state = Arc::new(Mutex::new(State { pages, ..State::default() }));
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &shared);
            }
        });
        Self { scheme, port, state }
    }

    /// Returns a path's URL.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://127.0.0.1:{}{path}", self.scheme, self.port)
    }

    /// Changes a page.
    pub(crate) fn put(&self, path: &str, page: Page) {
        self.state.lock().unwrap().pages.insert(path.to_owned(), page);
    }

    /// Returns the paths that were asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }

    /// Returns all that was sent here.
    pub(crate) fn heads(&self) -> String {
        self.state.lock().unwrap().heads.clone()
    }

    /// Forgets what was asked for.
    pub(crate) fn forget(&self) {
        self.state.lock().unwrap().asked.clear();
    }
}

/// Answers one request and closes.
fn answer(mut stream: impl Read + Write, state: &Mutex<State>) {
    let mut lines = BufReader::new(&mut stream).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    let headers: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    drop(lines);
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut state = state.lock().unwrap();
    state.heads += &format!("{first}\n{}\n\n", headers.join("\n"));
    state.asked.push(path.clone());
    let Some(page) = state.pages.get_mut(&path) else {
        let _ = stream
            .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return;
    };
    let end = if page.cuts > 0 { page.cut_at } else { page.bytes.len() };
    page.cuts = page.cuts.saturating_sub(1);
    let head = format!("HTTP/1.1 {}\r\n{}Connection: close\r\n\r\n", page.status, page.headers);
    // Whoever looks at the first bytes only goes away before the rest.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&page.bytes[..end]));
}
