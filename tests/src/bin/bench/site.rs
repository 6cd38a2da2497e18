//! Generates a site with one large env, from templates and presets.

use std::fmt::Write;
use std::io::Result;
use tempfile::TempDir;

const FILES: [(&str, &str); 7] = [
    (
        "site.yaml",
        "site: bench\ndefaults:\n  automation_user: homestak\n  bridge: vmbr0\n  gateway: 10.0.0.1\n  \
         spec_server: https://spec.example:44443\n",
    ),
    (
        "secrets.yaml",
        "api_tokens:\n  pve1: pipeline@pve!apply=00000000-0000-4000-8000-000000000001\n\
         ssh_keys:\n  a@b: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBenchBenchBenchBenchBenchBenchBenchBenchBen a@b\n\
         auth:\n  signing_key: 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n",
    ),
    (
        "nodes/pve1.yaml",
        "node: pve1\napi_endpoint: https://127.0.0.1:8006\napi_token: pve1\ndatastore: local-lvm\n",
    ),
    ("vms/presets/small.yaml", "cores: 2\nmemory: 2048\ndisk: 10\n"),
    ("vms/web.yaml", "preset: small\nimage: debian-12\npackages: [nginx, curl]\n"),
    ("specs/web.yaml", "schema_version: 1\n"),
    ("postures/dev.yaml", "ssh_port: 22\n"),
];

/// Writes the site into a scratch folder; its env is `bench`, its node `pve1`.
pub(crate) fn generate(vms: usize) -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    for (name, text) in FILES {
        write(&folder, name, text)?;
    }
    let mut env = String::from("vmid_base: 10000\nvms:\n");
    for index in 0..vms {
        // Every third VM is written out, the others come from the template.
        let line = match index % 3 {
            0 => format!("  - {{name: vm{index}, vm_preset: small, image: debian-12, cores: 4}}"),
            1 => format!("  - {{name: vm{index}, template: web, spec: web}}"),
            _ => format!("  - name: vm{index}\n    template: web\n    memory: 4096"),
        };
        _ = writeln!(env, "{line}");
    }
    write(&folder, "envs/bench.yaml", &env)?;
    Ok(folder)
}

/// Writes a site with this many files, most of them envs of ten VMs.
pub(crate) fn generate_files(files: usize) -> Result<TempDir> {
    let folder = generate(10)?;
    for number in FILES.len() + 1..files {
        let mut env = format!("vmid_base: {}\nvms:\n", 20_000 + 10 * number);
        for index in 0..10 {
            _ = writeln!(env, "  - {{name: e{number}-vm{index}, template: web}}");
        }
        write(&folder, &format!("envs/e{number}.yaml"), &env)?;
    }
    Ok(folder)
}

fn write(folder: &TempDir, name: &str, text: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap_or(folder.path()))?;
    std::fs::write(&path, text)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
}
