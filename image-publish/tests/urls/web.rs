//! A web server on the loopback: pages by path, which may change and may be cut off.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
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
    /// Each answer ends this many bytes after its first.
    cut_at: usize,
    cuts: u32,
    /// The number of complete answers before the first one that is cut off.
    spared: u32,
    /// Parts are answered with 206, as long as `If-Range` holds this.
    validator: Option<String>,
    /// What a part's answer says instead of its `Content-Range`.
    range: Option<&'static str>,
    /// Answers before this one.
    first: Vec<(&'static str, String)>,
    /// What the path holds once this was cut off.
    then: Option<Box<Page>>,
}

impl Page {
    /// A page that is there.
    pub(crate) fn ok(bytes: Vec<u8>) -> Self {
        let headers = format!("Content-Length: {}\r\n", bytes.len());
        Self {
            status: "200 OK",
            headers,
            cut_at: bytes.len(),
            bytes,
            cuts: 0,
            spared: 0,
            validator: None,
            range: None,
            first: Vec::new(),
            then: None,
        }
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

    /// The first answer is whole, as for a look at the first bytes.
    pub(crate) fn but_not_at_first(self) -> Self {
        Self { spared: 1, ..self }
    }

    /// The server names this version by a header, and sends parts of it.
    pub(crate) fn with_validator(mut self, header: &str, value: &str) -> Self {
        self.headers += &format!("{header}: {value}\r\n");
        Self { validator: Some(value.to_owned()), ..self }
    }

    /// The same header; but the server sends whole files only.
    pub(crate) fn without_parts(self) -> Self {
        Self { validator: None, ..self }
    }

    /// One more header.
    pub(crate) fn with_header(mut self, line: &str) -> Self {
        self.headers += &format!("{line}\r\n");
        self
    }

    /// A part is answered with this `Content-Range`.
    pub(crate) fn with_range(self, range: &'static str) -> Self {
        Self { range: Some(range), ..self }
    }

    /// The first answer has this status and these headers.
    pub(crate) fn after(mut self, status: &'static str, headers: &str) -> Self {
        self.first.push((status, headers.to_owned()));
        self
    }

    /// Once it was cut off, the path holds another page.
    pub(crate) fn then(self, page: Page) -> Self {
        Self { then: Some(Box::new(page)), ..self }
    }

    /// The connection ends after `bytes` bytes, `times` times.
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
    is_stopped: Arc<AtomicBool>,
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
        let is_stopped = Arc::new(AtomicBool::new(false));
        let asked_to_stop = is_stopped.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if asked_to_stop.load(Ordering::SeqCst) {
                    return;
                }
                answer(stream, &shared);
            }
        });
        Self { scheme, port, state, is_stopped }
    }

    /// Returns a path's URL.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://127.0.0.1:{}{path}", self.scheme, self.port)
    }

    /// Stops it: from now on nobody listens on its port. What is left tells its URLs only.
    pub(crate) fn stop(self) -> Self {
        self.is_stopped.store(true, Ordering::SeqCst);
        // The thread waits for a connection, and sees it then.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        while TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
            thread::yield_now();
        }
        self
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
    let (head, start) = if page.first.is_empty() {
        page.answer(&headers)
    } else {
        let (status, headers) = page.first.remove(0);
        (format!("{status}\r\nContent-Length: 0\r\n{headers}"), page.bytes.len())
    };
    let cut = page.cuts > 0 && page.spared == 0 && start < page.bytes.len();
    page.spared = page.spared.saturating_sub(1);
    let end = if cut { (start + page.cut_at).min(page.bytes.len()) } else { page.bytes.len() };
    page.cuts = page.cuts.saturating_sub(u32::from(cut));
    let head = format!("HTTP/1.1 {head}Connection: close\r\n\r\n");
    // Whoever looks at the first bytes only goes away before the rest.
    let _ =
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&page.bytes[start..end]));
    if let Some(then) = page.then.take_if(|_| cut) {
        *page = *then;
    }
}

impl Page {
    /// Returns status and headers of the answer, and where its bytes begin.
    fn answer(&self, headers: &[String]) -> (String, usize) {
        let value = |name: &str| {
            let line = |line: &String| {
                let (found, value) = line.split_once(": ")?;
                found.eq_ignore_ascii_case(name).then(|| value.to_owned())
            };
            headers.iter().find_map(line)
        };
        let range = value("range").filter(|_| value("if-range") == self.validator);
        let range = range.filter(|_| self.validator.is_some());
        let from =
            range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
        let (Some(from), total) = (from, self.bytes.len()) else {
            return (format!("{}\r\n{}", self.status, self.headers), 0);
        };
        if from >= total {
            return (
                format!("416 Range Not Satisfiable\r\nContent-Range: bytes */{total}\r\n"),
                total,
            );
        }
        let range = format!("bytes {from}-{}/{total}", total - 1);
        let range = self.range.unwrap_or(&range);
        let length = total - from;
        (
            format!(
                "206 Partial Content\r\nContent-Length: {length}\r\nContent-Range: {range}\r\n"
            ),
            from,
        )
    }
}
