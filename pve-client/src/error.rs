//! The errors of calls to Proxmox VE.
//!
//! Guarantees: a `Display` text never contains its source; only the tool walks the chain.
//! No variant contains a parameter's value. PVE's own words are kept as they are, and a task's log may repeat a URL:
//! whoever shows them masks what could be a secret.
//! Does no I/O.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::time::Duration;

use crate::fingerprint::Fingerprint;
use crate::upid::Upid;

/// Method and path of a request: the parts that a message may show.
/// The query and the body are left out because they may contain secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The HTTP method.
    pub method: &'static str,
    /// The path below `/api2/json`, decoded for display.
    pub path: String,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// Every way in which a call to Proxmox VE can fail.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No byte of the request left this machine: nothing has changed.
    #[error("{endpoint} cannot be reached")]
    NeverSent {
        /// The endpoint: scheme, host and port.
        endpoint: String,
        /// Why it could not be reached.
        #[source]
        reason: Unreachable,
    },
    /// At least part of the request was sent, but no answer came: the change may have happened.
    #[error("the answer to {call} was lost")]
    MaybeSent {
        /// The request.
        call: Call,
        /// What happened to the connection.
        #[source]
        source: io::Error,
    },
    /// PVE answered with an error status.
    #[error("{0}")]
    Status(Box<Refusal>),
    /// PVE reported success, but the answer does not have the form that its API describes.
    #[error("the answer to {call} cannot be used: {what}")]
    BadAnswer {
        /// The request.
        call: Call,
        /// What is wrong with the answer.
        what: String,
    },
    /// A task failed.
    #[error("task {} ended with an error: {}", .0.upid.kind(), .0.exitstatus)]
    TaskFailed(Box<TaskFailure>),
    /// A task is still running at the deadline; it was not stopped.
    #[error("task {} is still running after {} s", upid.kind(), waited.as_secs())]
    TaskStillRuns {
        /// The task.
        upid: Box<Upid>,
        /// How long the wait was.
        waited: Duration,
    },
    /// The file could not be read to its end, so the upload is incomplete.
    #[error("could not read the file during the upload")]
    Source {
        /// The reader's own error.
        #[source]
        source: io::Error,
    },
}

/// An error status with everything that PVE says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The request.
    pub call: Call,
    /// The HTTP status.
    pub status: u16,
    /// PVE's text, from the body or, if there is none, from the status line; no trailing newline.
    pub message: String,
    /// PVE's messages by parameter.
    pub errors: BTreeMap<String, String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was refused with status {}", self.call, self.status)?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        self.errors.iter().try_for_each(|(name, text)| write!(f, "; {name}: {}", text.trim_end()))
    }
}

/// A task that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFailure {
    /// The task.
    pub upid: Upid,
    /// PVE's exit status, verbatim.
    pub exitstatus: String,
    /// The last lines of the task's log, oldest first; empty when the log could not be read.
    pub log: Vec<String>,
}

/// Why no connection could be established.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    /// The host name cannot be resolved.
    #[error("cannot resolve the host name \"{host}\"")]
    NameNotFound {
        /// The name.
        host: String,
    },
    /// The connection was refused, reset or timed out.
    #[error("{error}")]
    Connect {
        /// The system's error; its text is already shown, so it is not a `source`.
        error: io::Error,
    },
    /// The server's certificate was not accepted.
    #[error("{0}")]
    Certificate(CertificateProblem),
    /// The TLS handshake failed for another reason.
    #[error("TLS error: {0}")]
    Tls(String),
    /// The system's own certificates could not be read.
    #[error("found no certificate authorities on this system")]
    NoSystemRoots,
    /// The HTTP proxy does not forward the request. Calls to PVE's API never use a proxy.
    #[error("HTTP proxy {proxy}: {problem}")]
    Proxy {
        /// Its host and port, or the variable with an invalid value; never its password.
        proxy: String,
        /// What is wrong.
        problem: ProxyProblem,
    },
}

/// Why an HTTP proxy does not forward a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProxyProblem {
    /// The variable's value is not a supported proxy URL.
    #[error(
        "must be `http://HOST:PORT`, with `USER:PASSWORD@` before the host if it requires a login"
    )]
    NotHttp,
    /// It cannot be reached, or it closed the connection.
    #[error("{0}")]
    Lost(String),
    /// It refused.
    #[error("it answered with status {0}")]
    Status(u16),
    /// It does not speak HTTP.
    #[error("it did not answer like an HTTP proxy")]
    NoAnswer,
}

/// Why a certificate was not accepted. The tool derives its hint from this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateProblem {
    /// The certificate is signed by an untrusted authority.
    #[error(
        "the certificate is signed by an unknown authority; its SHA-256 fingerprint is {shown}"
    )]
    UnknownIssuer {
        /// The fingerprint of the server's certificate.
        shown: Fingerprint,
    },
    /// The certificate's fingerprint is not pinned.
    #[error("the certificate's SHA-256 fingerprint is {shown}, which is not pinned by {named_by}")]
    NotPinned {
        /// The fingerprint of the server's certificate.
        shown: Fingerprint,
        /// The pinned fingerprints.
        pinned: Vec<Fingerprint>,
        /// What the user knows them by.
        named_by: String,
    },
    /// The certificate is not for this host name.
    #[error("the certificate is not for \"{host}\"; its SHA-256 fingerprint is {shown}")]
    WrongName {
        /// The host name of the connection.
        host: String,
        /// The fingerprint of the server's certificate.
        shown: Fingerprint,
    },
    /// The certificate is expired or not yet valid.
    #[error("the certificate is expired or not yet valid; its SHA-256 fingerprint is {shown}")]
    NotValidNow {
        /// The fingerprint of the server's certificate.
        shown: Fingerprint,
    },
    /// Any other problem with the certificate.
    #[error("the certificate cannot be used: {what}; its SHA-256 fingerprint is {shown}")]
    Other {
        /// The message from rustls.
        what: String,
        /// The fingerprint of the server's certificate.
        shown: Fingerprint,
    },
}

impl std::error::Error for Refusal {}

impl Error {
    /// Returns PVE's error status and text, if PVE answered.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Status(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Returns the problem with the server's certificate, if that prevented the connection.
    pub fn certificate(&self) -> Option<&CertificateProblem> {
        match self {
            Self::NeverSent { reason: Unreachable::Certificate(problem), .. } => Some(problem),
            _ => None,
        }
    }

    /// Returns whether the write may have happened: check before doing anything else.
    pub fn is_outcome_unknown(&self) -> bool {
        match self {
            Self::BadAnswer { .. } => true,
            // PVE: reference 4: a call that takes over 30 s answers 596 while the work goes on;
            // 599 and the gateway codes do not reveal the outcome either.
            error => error.is_answer_lost(),
        }
    }

    /// Returns whether the answer was lost on the way. 595 is not such an error: the node is offline.
    pub fn is_answer_lost(&self) -> bool {
        // PVE: reference 4, the table of retries.
        let gateway = self.status().is_some_and(|s| matches!(s, 502..=504 | 596 | 597 | 599));
        gateway || matches!(self, Self::MaybeSent { .. })
    }

    /// Returns whether the server could not be reached, which may pass, unlike a wrong certificate.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::NeverSent { .. }) && self.certificate().is_none()
    }

    /// Returns whether a lock was not free in time; the same call may succeed a little later.
    pub fn is_lock_timeout(&self) -> bool {
        // PVE: reference 4: "can't lock file ... - got timeout", "got lock request timeout", "VM is locked (backup)".
        self.is_lock_file_timeout() || self.text_matches(|text| text.contains("is locked ("))
    }

    /// Returns whether something held a lock file for the 10 s or so that PVE waits for it.
    pub fn is_lock_file_timeout(&self) -> bool {
        // PVE: pve-common, Tools.pm, lock_file_full; pve-cluster, Cluster.pm, cfs_lock.
        self.text_matches(|text| {
            (text.contains("can't lock file") && text.contains("got timeout"))
                || text.contains("got lock request timeout")
        })
    }

    /// Returns whether a guest did not shut down in time.
    pub fn is_shutdown_timeout(&self) -> bool {
        // PVE: qemu-server, QemuServer.pm, _do_vm_stop.
        self.text_matches(|text| text.contains("VM quit/powerdown failed"))
    }

    /// Returns whether a VM is paused, so that its guest cannot shut down.
    pub fn is_paused(&self) -> bool {
        // PVE: qemu-server, API2/Qemu.pm, vm_shutdown and vm_reboot.
        self.text_matches(|text| text.contains("VM is paused"))
    }

    /// Returns whether PVE could not start a worker for the task; nothing was done.
    pub fn is_worker_start_failure(&self) -> bool {
        self.text_matches(|text| text.contains("got no worker upid"))
    }

    /// Returns whether the config no longer has the digest that was sent: someone changed it.
    pub fn is_checksum_mismatch(&self) -> bool {
        // PVE: facts 20. The end of the text distinguishes it from the checksum of an upload.
        self.text_matches(|text| {
            text.contains("checksum mismatch (file change by other user?)")
                || text.contains("detected modified configuration")
        })
    }

    /// Returns whether the object already exists. This is never success: it may belong to someone else.
    pub fn already_exists(&self) -> bool {
        // PVE: facts 5: VM, clone and SDN each word it differently.
        self.text_matches(|text| {
            // PVE: pve-cluster, memdb.c: how a clone finds the ID on another node.
            text.contains("already exists")
                || text.contains("already defined")
                || text.ends_with("failed: File exists")
        })
    }

    /// Returns whether someone else holds the SDN lock.
    pub fn is_sdn_locked(&self) -> bool {
        // PVE: facts-2, 23.
        self.text_matches(|text| text.contains("invalid lock token provided"))
    }

    /// Returns whether the SDN lock was refused because of pending changes.
    pub fn has_sdn_changes(&self) -> bool {
        // PVE: facts-2, 22.
        self.text_matches(|text| text.contains("configuration has pending changes"))
    }

    /// Returns whether the object does not exist. PVE reports this with status 500 far more often than with 404.
    /// What PVE says of a token that it does not accept is about the token, also "no such user".
    pub fn is_not_found(&self) -> bool {
        let tells = || {
            self.text_matches(|text| {
                text.contains("does not exist")
                    || text.contains("no such ")
                    || text.contains("volume_size_info on ") && text.contains("failed")
            })
        };
        match self.status() {
            Some(404) => true,
            Some(401 | 403) => false,
            _ => tells(),
        }
    }

    /// Returns whether the token lacks a privilege. A token that is not accepted at all is another matter: nobody
    /// can say then what it may see.
    pub fn is_permission(&self) -> bool {
        self.status() == Some(403)
            || self.text_matches(|text| text.contains("Permission check failed"))
    }

    /// Returns whether PVE does not accept the token at all.
    pub fn is_token_refused(&self) -> bool {
        self.status() == Some(401)
    }

    /// Returns whether the token is not accepted, or lacks a privilege: nothing was done, and a later try is refused too.
    pub fn is_about_the_token(&self) -> bool {
        self.is_permission() || self.is_token_refused()
    }

    /// Returns whether the API cannot reach the node that the call is for.
    pub fn is_node_unreachable(&self) -> bool {
        self.status() == Some(595)
    }

    /// Returns whether PVE does not know the task; right after its start this can be temporary.
    pub fn is_task_unknown(&self) -> bool {
        self.refusal().is_some_and(|r| {
            r.status == 400 && r.errors.get("upid").is_some_and(|t| t.contains("no such task"))
        })
    }

    /// Returns whether this PVE does not have the call: it is older or newer.
    pub fn is_not_implemented(&self) -> bool {
        self.status() == Some(501)
    }

    /// Returns the HTTP status of an error answer.
    pub fn status(&self) -> Option<u16> {
        self.refusal().map(|refusal| refusal.status)
    }

    /// Tests PVE's own text, from an answer or from a task's exit status.
    pub(crate) fn text_matches(&self, test: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::Status(r) => test(&r.message) || r.errors.values().any(|text| test(text)),
            Self::TaskFailed(failure) => test(&failure.exitstatus),
            _ => false,
        }
    }
}
