//! What can go wrong between us and Proxmox VE.
//!
//! Promises: a `Display` text never contains its source; only the tool walks the chain.
//! No variant holds a parameter's value, so no error can show a secret.
//! Does no I/O.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::time::Duration;

use crate::fingerprint::Fingerprint;
use crate::upid::Upid;

/// How PVE begins the text of an error that a guest's agent has answered.
// PVE: qemu-server, QemuServer/Agent.pm, check_agent_error.
pub(crate) const AGENT_ERROR: &str = "Agent error: ";

/// Method and path of a request: what a message may say about it.
/// The query and the body are left out, for they may hold secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The HTTP method.
    pub method: &'static str,
    /// The path below `/api2/json`, decoded for people.
    pub path: String,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// Everything that a call to Proxmox VE can end with, other than its answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No byte of the request left this machine: nothing can have changed.
    #[error("{endpoint} cannot be reached")]
    NeverSent {
        /// Where the request should have gone: scheme, host and port.
        endpoint: String,
        /// Why it could not.
        #[source]
        reason: Unreachable,
    },
    /// The request was sent at least in part, and no answer came: the change may have happened.
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
    /// PVE answered with success, but not in the form that its API describes.
    #[error("the answer to {call} cannot be used: {what}")]
    BadAnswer {
        /// The request.
        call: Call,
        /// What is wrong with the answer.
        what: String,
    },
    /// A task came to its end without success.
    #[error("task {} ended with an error: {}", .0.upid.kind(), .0.exitstatus)]
    TaskFailed(Box<TaskFailure>),
    /// A task still runs at the deadline; it was not stopped.
    #[error("task {} is still running after {} s", upid.kind(), waited.as_secs())]
    TaskStillRuns {
        /// The task.
        upid: Box<Upid>,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The file to upload could not be read to its end, so nothing whole was sent.
    #[error("could not read the file during the upload")]
    Source {
        /// The reader's own error.
        #[source]
        source: io::Error,
    },
}

/// An error status, with all that PVE says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The request.
    pub call: Call,
    /// The HTTP status.
    pub status: u16,
    /// PVE's text, from the body or, where PVE sends no body, from the status line; no trailing newline.
    pub message: String,
    /// PVE's remarks on single parameters.
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

/// A task that ended without success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFailure {
    /// The task.
    pub upid: Upid,
    /// PVE's exitstatus, verbatim.
    pub exitstatus: String,
    /// The last lines of the task's log, oldest first; empty when the log could not be read.
    pub log: Vec<String>,
}

/// Why no connection came about.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    /// The host's name has no address.
    #[error("cannot resolve the host name \"{host}\"")]
    NameNotFound {
        /// The name.
        host: String,
    },
    /// The connection was refused, reset or timed out.
    #[error("{error}")]
    Connect {
        /// The system's error; it is the text itself, so it is not named a source.
        error: io::Error,
    },
    /// The server's certificate was not accepted.
    #[error("{0}")]
    Certificate(CertificateProblem),
    /// The TLS handshake broke for another reason.
    #[error("TLS error: {0}")]
    Tls(String),
    /// The system's own certificates could not be read.
    #[error("found no certificate authorities on this system")]
    NoSystemRoots,
    /// The HTTP proxy on the way does not let through. PVE's API is never asked through one.
    #[error("HTTP proxy {proxy}: {problem}")]
    Proxy {
        /// Its host and port, or the variable that names no proxy; never its password.
        proxy: String,
        /// What is wrong.
        problem: ProxyProblem,
    },
}

/// Why an HTTP proxy does not let through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProxyProblem {
    /// The variable's value is none that we can use.
    #[error(
        "must be `http://HOST:PORT`, with `USER:PASSWORD@` before the host if it requires a login"
    )]
    NotHttp,
    /// It cannot be reached, or hung up.
    #[error("{0}")]
    Lost(String),
    /// It refuses.
    #[error("it answered with status {0}")]
    Status(u16),
    /// It does not speak HTTP.
    #[error("it did not answer like an HTTP proxy")]
    NoAnswer,
}

/// Why a certificate was not accepted. The tool makes its hint from this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateProblem {
    /// The certificate is signed by an authority that is not among the trusted ones.
    #[error(
        "the certificate is signed by an unknown authority; its SHA-256 fingerprint is {shown}"
    )]
    UnknownIssuer {
        /// The leaf that the server showed.
        shown: Fingerprint,
    },
    /// The certificate's fingerprint is none of the pinned ones.
    #[error("the certificate's SHA-256 fingerprint is {shown}, which is not pinned")]
    NotPinned {
        /// The leaf that the server showed.
        shown: Fingerprint,
        /// What would have been accepted.
        pinned: Vec<Fingerprint>,
    },
    /// The certificate is not for this host name.
    #[error("the certificate is not for \"{host}\"; its SHA-256 fingerprint is {shown}")]
    WrongName {
        /// The name that was connected to.
        host: String,
        /// The leaf that the server showed.
        shown: Fingerprint,
    },
    /// The certificate's time is over, or has not come.
    #[error("the certificate is expired or not yet valid; its SHA-256 fingerprint is {shown}")]
    NotValidNow {
        /// The leaf that the server showed.
        shown: Fingerprint,
    },
    /// Any other fault of the certificate.
    #[error("the certificate cannot be used: {what}; its SHA-256 fingerprint is {shown}")]
    Other {
        /// What rustls says.
        what: String,
        /// The leaf that the server showed.
        shown: Fingerprint,
    },
}

impl std::error::Error for Refusal {}

impl Error {
    /// Returns PVE's error status and text, when PVE answered.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Status(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Returns the fault of the server's certificate, when that is what stopped the connection.
    pub fn certificate(&self) -> Option<&CertificateProblem> {
        match self {
            Self::NeverSent { reason: Unreachable::Certificate(problem), .. } => Some(problem),
            _ => None,
        }
    }

    /// Tells that the write may have happened: look before doing anything else.
    pub fn is_outcome_unknown(&self) -> bool {
        match self {
            Self::MaybeSent { .. } | Self::BadAnswer { .. } => true,
            // PVE: reference 4: a call that takes over 30 s answers 596 while the work goes on;
            // 599 and the gateway codes are as silent about the outcome.
            Self::Status(refusal) => matches!(refusal.status, 502..=504 | 596 | 597 | 599),
            _ => false,
        }
    }

    /// Tells that a lock was not free in time; the same call may succeed a little later.
    pub fn is_lock_timeout(&self) -> bool {
        // PVE: reference 4: "can't lock file ... - got timeout", "got lock request timeout", "VM is locked (backup)".
        self.is_lock_file_timeout() || self.text_matches(|text| text.contains("is locked ("))
    }

    /// Tells that something held a lock file for the 10 s or so that PVE itself waits for it.
    pub fn is_lock_file_timeout(&self) -> bool {
        // PVE: pve-common, Tools.pm, lock_file_full; pve-cluster, Cluster.pm, cfs_lock.
        self.text_matches(|text| {
            (text.contains("can't lock file") && text.contains("got timeout"))
                || text.contains("got lock request timeout")
        })
    }

    /// Tells that a guest did not shut down in the time that it was given.
    pub fn is_shutdown_timeout(&self) -> bool {
        // PVE: qemu-server, QemuServer.pm, _do_vm_stop.
        self.text_matches(|text| text.contains("VM quit/powerdown failed"))
    }

    /// Tells that a VM is paused, so that its guest cannot be asked to shut down.
    pub fn is_paused(&self) -> bool {
        // PVE: qemu-server, API2/Qemu.pm, vm_shutdown and vm_reboot.
        self.text_matches(|text| text.contains("VM is paused"))
    }

    /// Tells that PVE could not start a worker for the task; nothing was done.
    pub fn is_worker_start_failure(&self) -> bool {
        self.text_matches(|text| text.contains("got no worker upid"))
    }

    /// Tells that the cluster has no quorum at the moment.
    pub fn is_no_quorum(&self) -> bool {
        self.text_matches(|text| text.contains("no quorum"))
    }

    /// Tells that the digest sent is not the config's any more: somebody changed it.
    pub fn is_checksum_mismatch(&self) -> bool {
        // PVE: facts 20. The end of the text tells it from the checksum of an upload.
        self.text_matches(|text| {
            text.contains("checksum mismatch (file change by other user?)")
                || text.contains("detected modified configuration")
        })
    }

    /// Tells that what was to be created is there already. Never success: it may be somebody else's.
    pub fn already_exists(&self) -> bool {
        // PVE: facts 5: VM, clone and SDN each have their own words.
        self.text_matches(|text| {
            text.contains("already exists") || text.contains("already defined")
        })
    }

    /// Tells that PVE knows no such thing. PVE says it with status 500 far more often than with 404.
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
            || self.text_matches(|text| {
                text.contains("does not exist")
                    || text.contains("no such ")
                    || text.contains("volume_size_info on ") && text.contains("failed")
            })
    }

    /// Tells that the token lacks a right, or is not accepted at all.
    pub fn is_permission(&self) -> bool {
        matches!(self.status(), Some(401 | 403))
            || self.text_matches(|text| text.contains("Permission check failed"))
    }

    /// Tells that the API cannot reach the node it should pass the call on to.
    pub fn is_node_unreachable(&self) -> bool {
        self.status() == Some(595)
    }

    /// Tells that PVE does not know the task: right after its start that can pass.
    pub fn is_no_such_task(&self) -> bool {
        self.refusal().is_some_and(|r| {
            r.status == 400 && r.errors.get("upid").is_some_and(|t| t.contains("no such task"))
        })
    }

    /// Tells that the guest has no agent that answers, now or ever.
    pub fn is_agent_silent(&self) -> bool {
        self.text_matches(|text| {
            text.contains("QEMU guest agent is not running")
                || text.contains("No QEMU guest agent configured")
                || (text.contains("guest-") && text.contains("got timeout"))
        })
    }

    /// Returns what a guest's agent has answered instead of doing its work, in its own words.
    pub fn agent_error(&self) -> Option<&str> {
        let text = match self {
            Self::Status(refusal) => &refusal.message,
            // PVE passes some of its answers on with status 200.
            Self::BadAnswer { what, .. } => what,
            _ => return None,
        };
        text.strip_prefix(AGENT_ERROR).map(str::trim_end)
    }

    /// Returns whether the agent has answered that a file does not exist.
    pub fn is_agent_file_missing(&self) -> bool {
        // QEMU: qga/commands-posix.c, safe_open_or_create.
        self.agent_error().is_some_and(|text| text.contains("No such file or directory"))
    }

    /// Returns whether the agent has answered that it is not allowed to carry out the command. While the
    /// guest's file systems are frozen it says so of most commands: see [`crate::Client::agent_is_frozen`].
    pub fn is_agent_blocked(&self) -> bool {
        // QEMU: qapi/qmp-dispatch.c; qga/main.c.
        self.agent_error().is_some_and(|text| {
            text.contains("has been disabled") || text.contains("has not been found")
        })
    }

    /// Tells that this PVE has no such call: it is older or newer than the call.
    pub fn is_not_implemented(&self) -> bool {
        self.status() == Some(501)
    }

    /// Returns the HTTP status of an error answer.
    pub fn status(&self) -> Option<u16> {
        self.refusal().map(|refusal| refusal.status)
    }

    /// Asks PVE's own words, be they in an answer or in a task's exitstatus.
    fn text_matches(&self, test: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::Status(r) => test(&r.message) || r.errors.values().any(|text| test(text)),
            Self::TaskFailed(failure) => test(&failure.exitstatus),
            _ => false,
        }
    }
}
