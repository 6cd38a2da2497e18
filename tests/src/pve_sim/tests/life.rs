//! The whole life of one VM by a restricted token (facts 55 to 58).

use sha2::{Digest, Sha256};

use super::wire::send_upload;
use super::{send, start, wait};
use crate::pve_sim::multipart::hex;

fn upid(answer: &str) -> String {
    let at = answer.find("UPID:").unwrap_or_else(|| panic!("no UPID: {answer}"));
    answer[at..].split('"').next().unwrap().to_owned()
}

#[test]
fn a_vm_from_upload_to_destroy() {
    let sim = start("{}", "[]");
    let mut image = vec![0u8; 4096];
    image[..8].copy_from_slice(b"QFI\xfb\0\0\0\x03");
    image[24..32].copy_from_slice(&(2u64 << 30).to_be_bytes());
    let seed = vec![9u8; 1 << 20];
    for (name, bytes) in [("cloud.qcow2", &image), ("seed.raw", &seed)] {
        let sum = hex(&Sha256::digest(bytes));
        let fields = [("content", "import"), ("checksum-algorithm", "sha256"), ("checksum", &sum)];
        let sent = send_upload(&sim, "local", &fields, name, bytes);
        let ended = wait(&sim, &upid(&sent));
        assert!(ended.contains("checksum verified") && ended.contains("\"OK\""), "{ended}");
    }
    let run = |step: &str| {
        let ended = wait(&sim, &upid(&send(&sim, step)));
        assert!(ended.contains("\"exitstatus\":\"OK\""), "{step}: {ended}");
        ended
    };
    let created = run(
        "POST /nodes/pve1/qemu vmid=100 name=web cores=2 memory=1024 agent=1 ostype=l26 serial0=socket \
         onboot=1 cpu=host tags=pve-pipeline net0=virtio,bridge=vmbr0 boot=order=virtio0 \
         virtio0=local-lvm:0,import-from=local:import/cloud.qcow2,discard=on,iothread=1 \
         virtio1=local-lvm:0,import-from=local:import/seed.raw",
    );
    assert!(created.contains("transferred 2.0 GiB of 2.0 GiB (100.00%)"), "{created}");
    run("DELETE /nodes/pve1/storage/local/content/local:import/seed.raw");
    run("PUT /nodes/pve1/qemu/100/resize disk=virtio0 size=10G");
    run("POST /nodes/pve1/qemu/100/status/start");
    assert_eq!(sim.volume_bytes("pve1", "local-lvm:vm-100-disk-1"), Some(seed));
    let config = send(&sim, "GET /nodes/pve1/qemu/100/config");
    assert!(
        config.contains("\"virtio0\":\"local-lvm:vm-100-disk-0,discard=on,iothread=1,size=10G\""),
        "{config}"
    );
    assert!(config.contains("\"virtio1\":\"local-lvm:vm-100-disk-1,size=1M\""), "{config}");
    let agent = "GET /nodes/pve1/qemu/100/agent/network-get-interfaces";
    assert!(send(&sim, agent).starts_with("500 QEMU guest agent is not running"));
    assert!(send(&sim, agent).contains("\"ip-address\":\"192.0.2.100\""));
    assert!(
        send(&sim, "DELETE /nodes/pve1/qemu/100 purge=1")
            .contains("VM 100 is running - destroy failed")
    );
    run("POST /nodes/pve1/qemu/100/status/shutdown");
    run("DELETE /nodes/pve1/qemu/100 purge=1");
    assert_eq!(sim.refused(), Vec::<String>::new());
    let world = sim.shutdown();
    let left: Vec<_> = world.volumes.iter().map(|volume| volume.volid.as_str()).collect();
    assert_eq!((world.vms.len(), left), (0, vec!["local:import/cloud.qcow2"]));
}
