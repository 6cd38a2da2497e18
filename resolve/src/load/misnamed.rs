//! Names of files and directories that look like those of a site and are not read. Does no I/O.

use crate::source::Ignored;

/// The files in the site's directory itself.
const FILES: [&str; 3] = ["site.yaml", "secrets.yaml", "secrets.yaml.enc"];

/// Returns why a file in the site's directory is ignored; `None` if it is read, or has another
/// purpose.
pub(super) fn site_file(name: &str) -> Option<Ignored> {
    let like = |name: &str| {
        let name = name.to_lowercase().replace(".yml", ".yaml");
        let (stem, end) = name.split_once('.').unwrap_or((&name, ""));
        format!("{}.{end}", stem.trim_end_matches('s'))
    };
    let meant = FILES.iter().find(|file| like(name) == like(file) && name != **file)?;
    Some(Ignored::new(name, format!("its name must be {meant}")))
}

/// Returns why a file in one of the directories is ignored; `None` if it is read, or is not YAML.
pub(super) fn file(folder: &str, name: &str) -> Option<Ignored> {
    let (_, end) = name.rsplit_once('.').filter(|_| !name.starts_with('.'))?;
    let is_yaml = end.eq_ignore_ascii_case("yaml") || end.eq_ignore_ascii_case("yml");
    let ignored = || Ignored::new(format!("{folder}/{name}"), "its name must end in .yaml");
    (is_yaml && end != "yaml").then(ignored)
}

/// Returns the directory that is meant by the name of another one, such as `envs` by `Env`. Both
/// are below `parent`, a directory of the site, or empty for the site itself.
pub(super) fn folder(folders: &[&'static str], parent: &str, name: &str) -> Option<&'static str> {
    let like = |name: &str| name.to_lowercase().trim_end_matches('s').to_owned();
    let below = |path: &&'static str| match path.rsplit_once('/') {
        Some((above, last)) => (above == parent).then_some(last),
        None => parent.is_empty().then_some(*path),
    };
    let is_meant = |path: &&&'static str| {
        below(path).is_some_and(|last| like(last) == like(name) && last != name)
    };
    let is_read = |path: &&'static str| below(path) == Some(name);
    if folders.iter().any(is_read) {
        return None;
    }
    folders.iter().find(is_meant).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn singular_plural_and_case_do_not_hide_what_is_meant() {
        let folders = ["envs", "vms", "vms/presets", "v2", "v2/postures"];
        for (parent, name, expected) in [
            ("", "env", Some("envs")),
            ("", "Envs", Some("envs")),
            ("", "V2", Some("v2")),
            ("", "vm", Some("vms")),
            ("vms", "preset", Some("vms/presets")),
            ("v2", "Posture", Some("v2/postures")),
            ("", "envs", None),
            ("", "presets", None),
            ("vms", "envs", None),
            ("", "images", None),
        ] {
            assert_eq!(folder(&folders, parent, name), expected, "{parent}/{name}");
        }
    }

    #[test]
    fn only_yaml_in_other_words_is_reported() {
        for name in ["a.yml", "a.YAML", "a.Yml", "a.b.YML"] {
            assert!(file("envs", name).is_some(), "{name}");
        }
        for name in ["a.yaml", ".a.yml", "README.md", "a.yaml.bak", "a.json", "yml"] {
            assert!(file("envs", name).is_none(), "{name}");
        }
        for name in ["site.yml", "Site.yaml", "sites.yaml", "secret.yaml", "secrets.yml.enc"] {
            assert!(site_file(name).is_some(), "{name}");
        }
        for name in ["site.yaml", "secrets.yaml", "secrets.yaml.enc", "site.yaml.example", "x.yml"]
        {
            assert!(site_file(name).is_none(), "{name}");
        }
    }
}
