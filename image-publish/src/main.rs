//! `image-publish`: publishes the document's images on Proxmox VE storage.
use std::process::ExitCode;

fn main() -> ExitCode {
    stage::main("image-publish", image_publish::run)
}
