//! DOOR: runs `qemu-img`.

use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use pve_stage::wait::{Deadline, Poll, Wait, WaitError};
use stage::child;

use crate::interrupt;
use crate::source::format::Format;

/// The wait between two looks at whether the program has ended.
const LOOK: Duration = Duration::from_millis(50);

/// How running `qemu-img` ended.
#[derive(Debug)]
pub(crate) enum QemuImg {
    /// It wrote the file.
    Made,
    /// There is no such program.
    NotInstalled,
    /// It could not be started, or not be waited for.
    NotRun(io::Error),
    /// A signal asked this run to stop, so it was stopped too.
    Interrupted,
    /// This signal has ended it, such as that of the kernel when memory runs out.
    Killed(i32),
    /// It failed with this last line of output.
    Failed(String),
}

/// Compresses an image of a known format into a qcow2 file.
pub(crate) fn compress(from: &Path, format: Format, to: &Path) -> QemuImg {
    let mut command = child::local_command("qemu-img");
    // A path that begins with `/` cannot be taken for an option or a protocol.
    let plain = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // The format is explicit, because a guessed one could refer to other files.
    command
        .args(["convert", "-f", format.extension(), "-c", "-O", "qcow2"])
        .arg(plain(from))
        .arg(plain(to));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    match command.spawn() {
        Ok(child) => end(child).unwrap_or_else(QemuImg::NotRun),
        Err(error) if error.kind() == io::ErrorKind::NotFound => QemuImg::NotInstalled,
        Err(error) => QemuImg::NotRun(error),
    }
}

/// Waits for the program to end; if a signal asks this run to stop, the program is stopped too.
fn end(mut child: Child) -> io::Result<QemuImg> {
    let stderr = child.stderr.take();
    // Read concurrently, so that a full pipe never blocks the program.
    let messages = std::thread::spawn(move || {
        let mut messages = Vec::new();
        let read = stderr.map_or(Ok(0), |mut stderr| stderr.read_to_end(&mut messages));
        read.map(|_| String::from_utf8_lossy(&messages).into_owned())
    });
    let (deadline, is_stopping) = (Deadline::never(), &interrupt::is_requested);
    let wait = Wait { deadline: &deadline, pauses: (LOOK, LOOK), is_stopping };
    let status = match wait.until(|| Ok(child.try_wait()?.map_or(Poll::NotYet(()), Poll::Ready))) {
        Ok(status) => status,
        Err(WaitError::Never(error)) => return Err(error),
        Err(WaitError::Interrupted(()) | WaitError::TimedOut(())) => {
            // It may have ended in the meantime; its output is discarded either way.
            let _ = child.kill();
            child.wait()?;
            return Ok(QemuImg::Interrupted);
        }
    };
    let messages = messages.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    Ok(match status.signal() {
        _ if status.success() => QemuImg::Made,
        // Ctrl-C on a terminal reaches both.
        Some(_) if interrupt::is_requested() => QemuImg::Interrupted,
        Some(signal) => QemuImg::Killed(signal),
        None => QemuImg::Failed(messages.lines().last().unwrap_or("no reason given").to_owned()),
    })
}
