//! `image-publish`: publishes the document's images on Proxmox VE storage.
use std::process::ExitCode;

fn main() -> ExitCode {
    stage::main_with_live("image-publish", pve_stage::live::open, image_publish::run)
}
