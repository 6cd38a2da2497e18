//! Refusals by the guest agent, or for want of one.
//! Does no I/O.

use crate::error::Error;

/// The prefix that PVE puts before an error of the guest agent.
// PVE: qemu-server, QemuServer/Agent.pm, check_agent_error.
pub(crate) const AGENT_ERROR: &str = "Agent error: ";

impl Error {
    /// Returns whether no guest agent answers, now or ever.
    pub fn is_agent_silent(&self) -> bool {
        self.text_matches(|text| {
            text.contains("QEMU guest agent is not running")
                || text.contains("No QEMU guest agent configured")
                || (text.contains("guest-") && text.contains("got timeout"))
        })
    }

    /// Returns the guest agent's own error text, if it refused the command.
    pub fn agent_error(&self) -> Option<&str> {
        let text = match self {
            Self::Status(refusal) => &refusal.message,
            // PVE passes on some of its errors with status 200.
            Self::BadAnswer { what, .. } => what,
            _ => return None,
        };
        text.strip_prefix(AGENT_ERROR).map(str::trim_end)
    }

    /// Returns whether the agent reported that a file does not exist.
    pub fn is_agent_file_missing(&self) -> bool {
        // QEMU: qga/commands-posix.c, safe_open_or_create.
        self.agent_error().is_some_and(|text| text.contains("No such file or directory"))
    }

    /// Returns whether the agent reported that it is not allowed to run the command. While the
    /// guest's file systems are frozen, this holds for most commands: see [`crate::Client::agent_is_frozen`].
    pub fn is_agent_blocked(&self) -> bool {
        // QEMU: qapi/qmp-dispatch.c; qga/main.c.
        self.agent_error().is_some_and(|text| {
            text.contains("has been disabled") || text.contains("has not been found")
        })
    }
}
