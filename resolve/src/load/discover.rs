//! DOOR: finds the site. docs/site-config.md documents the order.

use stage::{Entry, Failure, Place};
use std::path::{Path, PathBuf};

/// Environment variables that locate the site; read in cli.rs.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `HOMESTAK_SITE_CONFIG`.
    pub site_config: Option<PathBuf>,
    /// `HOMESTAK_ETC`.
    pub etc: Option<PathBuf>,
    /// `HOMESTAK_ROOT`, the parent directory of `config`.
    pub root: Option<PathBuf>,
    /// `HOME`, the fallback for `HOMESTAK_ROOT`.
    pub home: Option<PathBuf>,
}

/// Default locations of sites.
const DEFAULT_FOLDERS: [&str; 3] =
    ["../site-config", "/usr/local/etc/homestak", "/opt/homestak/site-config"];

/// Finds the site. A location that is set explicitly must exist, so that a typo does not select
/// another site.
///
/// # Errors
/// The explicit location is not a directory, or no site is found.
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
    // `~/config` is often not a site.
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
    let hint = match is_site(&PathBuf::from(".")) {
        true => "use `--site .` for the site in this directory",
        false => "use `--site DIR`; `resolve init DIR` writes a new site",
    };
    Err(entry.hint(hint).into())
}
