//! DOOR: where the site is. One order for all: docs/site-config.md.

use stage::{Entry, Failure, Place};
use std::path::{Path, PathBuf};

/// What the environment says of the site's place; read in cli.rs.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `HOMESTAK_SITE_CONFIG`.
    pub site_config: Option<PathBuf>,
    /// `HOMESTAK_ETC`.
    pub etc: Option<PathBuf>,
    /// `HOMESTAK_ROOT`, the folder above `config`.
    pub root: Option<PathBuf>,
    /// `HOME`, which `HOMESTAK_ROOT` is taken to be where nothing else is found.
    pub home: Option<PathBuf>,
}

/// Where sites have always been.
const DEFAULT_FOLDERS: [&str; 3] =
    ["../site-config", "/usr/local/etc/homestak", "/opt/homestak/site-config"];

/// Finds the site. What is named must be there: a typing mistake must not lead to another site.
///
/// # Errors
/// The folder that is named is none, or none is found.
pub(crate) fn site_folder(option: Option<PathBuf>, env: &Environment) -> Result<PathBuf, Failure> {
    let root = env.root.as_ref().map(|root| root.join("config"));
    let named = [
        ("--site", option),
        ("HOMESTAK_SITE_CONFIG", env.site_config.clone()),
        ("HOMESTAK_ETC", env.etc.clone()),
        ("HOMESTAK_ROOT", root),
    ];
    for (by, folder) in named {
        let Some(folder) = folder.filter(|f| !f.as_os_str().is_empty()) else { continue };
        if folder.is_dir() {
            return Ok(folder);
        }
        let fact = format!("{} is not a directory", folder.display());
        return Err(Entry::error("not-a-directory", Place::Named(by.to_owned()), fact).into());
    }
    if let Some(folder) = DEFAULT_FOLDERS.iter().map(Path::new).find(|folder| folder.is_dir()) {
        return Ok(folder.to_owned());
    }
    // Many a home has a `config` that is no site.
    let home = env.home.as_ref().filter(|home| !home.as_os_str().is_empty());
    let home = home.map(|home| home.join("config"));
    let is_site = |folder: &PathBuf| ["site.yaml", "nodes"].iter().any(|n| folder.join(n).exists());
    if let Some(folder) = home.filter(is_site) {
        return Ok(folder);
    }
    let looked = format!(
        "looked in --site, HOMESTAK_SITE_CONFIG, HOMESTAK_ETC, HOMESTAK_ROOT/config, {}, ~/config",
        DEFAULT_FOLDERS.join(", ")
    );
    let entry = Entry::error("no-site", Place::Run, "no site found").note(looked);
    Err(entry.hint("use `--site DIR`").into())
}
