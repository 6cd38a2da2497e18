//! DOOR: a local folder that represents `snippets/` of the storage `local`: the only kind of
//! content that the API cannot store (facts 41). A new file is a volume from the next
//! request on; deleting the volume in PVE deletes the file.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::world::World;
use super::world::storage::Volume;

/// The folder, and which of its files are known to the world.
#[derive(Debug, Default)]
pub(super) struct Folder {
    path: Option<PathBuf>,
    known: BTreeSet<String>,
}

impl Folder {
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self { path, known: BTreeSet::new() }
    }

    /// Synchronizes the folder and the world.
    pub(super) fn sync(&mut self, world: &mut World) {
        let Some(path) = &self.path else { return };
        let Some(node) = world.nodes.keys().next().cloned() else { return };
        let volid = |name: &str| format!("local:snippets/{name}");
        self.known.retain(|name| {
            let there = world.volume(&node, &volid(name)).is_some();
            if !there {
                // Someone else may have deleted it.
                let _ = fs::remove_file(path.join(name));
            }
            there
        });
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        // PVE: pve-storage, Storage/Plugin.pm, get_subdir_files: hidden files are skipped.
        let files = entries.filter_map(|entry| {
            let name =
                entry.file_name().into_string().ok().filter(|name| !name.starts_with('.'))?;
            Some((name, entry.metadata().ok()?.len()))
        });
        let mut found = BTreeSet::new();
        for (name, size) in files {
            let format = "snippet".to_owned();
            world.put_volume(
                &node,
                Volume { volid: volid(&name), size, format, ..Volume::default() },
            );
            found.insert(name);
        }
        for gone in self.known.difference(&found) {
            world.volumes.retain(|volume| volume.volid != volid(gone));
        }
        self.known = found;
    }
}
