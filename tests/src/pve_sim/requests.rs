//! The log of requests, without secrets.
//! A pure module: does no I/O.

use std::collections::BTreeMap;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, ….
    pub method: String,
    /// The unescaped path below `/api2/json`.
    pub path: String,
    /// The query as sent; may be empty.
    pub query: String,
    /// Parameters of body and query together.
    pub params: BTreeMap<String, String>,
    /// The status of the answer; 0 if the connection was cut.
    pub status: u16,
    /// The number of its connection, from 1.
    pub connection: u64,
    /// The UPID of the task that it has started.
    pub task: Option<String>,
    /// The host that the client called, without the port.
    pub host: String,
}

impl Request {
    /// Returns `METHOD /path?query`, as sent.
    pub fn line(&self) -> String {
        match self.query.as_str() {
            "" => format!("{} {}", self.method, self.path),
            query => format!("{} {}?{query}", self.method, self.path),
        }
    }

    /// Returns the same with UPIDs shortened to `UPID:node:type:id`.
    pub fn normal_line(&self) -> String {
        self.line().split('/').map(short_upid).collect::<Vec<_>>().join("/")
    }

    /// Returns whether it may change something.
    pub fn is_write(&self) -> bool {
        self.method != "GET"
    }
}

fn short_upid(piece: &str) -> String {
    let parts: Vec<&str> = piece.split(':').collect();
    match parts[..] {
        ["UPID", node, _, _, _, kind, id, ..] => format!("UPID:{node}:{kind}:{id}"),
        _ => piece.to_owned(),
    }
}

/// Formats one normalized line per request; consecutive equal lines are written once.
pub fn to_text(requests: &[Request]) -> String {
    let mut text = String::new();
    let mut last = String::new();
    for request in requests {
        let line = request.normal_line();
        if line != last {
            text.push_str(&line);
            text.push('\n');
        }
        last = line;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_in_every_run() {
        let request = |path: &str| Request {
            method: "GET".to_owned(),
            path: path.to_owned(),
            query: String::new(),
            params: BTreeMap::new(),
            status: 200,
            connection: 1,
            task: None,
            host: "127.0.0.1".to_owned(),
        };
        let poll = request(
            "/nodes/pve1/tasks/UPID:pve1:00001001:00100064:69000001:qmcreate:100:u@pve!t:/status",
        );
        let text = to_text(&[request("/version"), poll.clone(), poll]);
        assert_eq!(text, "GET /version\nGET /nodes/pve1/tasks/UPID:pve1:qmcreate:100/status\n");
    }
}
