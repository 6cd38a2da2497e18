//! `image-publish`: brings the document's images onto Proxmox VE storage.
use std::process::ExitCode;

fn main() -> ExitCode {
    stage::main("image-publish", image_publish::run)
}
