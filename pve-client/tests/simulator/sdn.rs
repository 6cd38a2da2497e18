//! SDN: objects wait for the apply, and the lock.

use super::*;

/// A token that can also edit the SDN, with ACLs on both user and token.
const SDN_WORLD: &str = r#"{"access": {
    "users": {"pipeline@pve": {}}, "tokens": {"pipeline@pve!apply": {"secret": "00000000-0000-4000-8000-000000000001"}},
    "roles": {"Net": ["SDN.Allocate", "SDN.Audit", "Sys.Audit"]},
    "acl": [{"path": "/", "who": "pipeline@pve", "role": "Net", "propagate": true},
            {"path": "/", "who": "pipeline@pve!apply", "role": "Net", "propagate": true}]}}"#;

#[test]
fn sdn_objects_wait_for_the_apply() {
    let (sim, client) = scene(SDN_WORLD);
    let lock = client.sdn_lock(false).unwrap();
    let lock = Some(lock.as_str());
    let subnet = SdnKind::Subnet("vnet1".to_owned());
    let zone =
        Params::new().with("zone", "zone1").with("type", "vxlan").with("peers", "192.0.2.10");
    client.sdn_create(&SdnKind::Zone, &zone, lock).unwrap();
    let vnet = Params::new().with("vnet", "vnet1").with("zone", "zone1").with("tag", 100);
    client.sdn_create(&SdnKind::Vnet, &vnet, lock).unwrap();
    let net = Params::new().with("type", "subnet").with("subnet", "10.9.0.0/24");
    client.sdn_create(&subnet, &net, lock).unwrap();
    assert_eq!(client.sdn_list(&SdnKind::Zone).unwrap()[0].state, SdnState::New);
    wait(&client, &client.sdn_apply(lock).unwrap()).unwrap();
    assert_eq!(client.sdn_list(&SdnKind::Zone).unwrap()[0].state, SdnState::Applied);
    assert_eq!(client.node_sdn_zones(&node()).unwrap()[0].status, "available");
    assert_eq!(client.sdn_list(&subnet).unwrap()[0].id, "zone1-10.9.0.0-24");
    client.sdn_update(&SdnKind::Vnet, "vnet1", &Params::new().with("tag", 101), None).unwrap();
    let vnets = client.sdn_list(&SdnKind::Vnet).unwrap();
    assert_eq!((vnets[0].state, vnets[0].pending["tag"].as_str()), (SdnState::Changed, "101"));
    assert_eq!(sim.refused(), Vec::<String>::new());
}

#[test]
fn the_sdn_lock() {
    let (sim, client) = scene(SDN_WORLD);
    let held = client.sdn_lock(false).unwrap();
    let zone = Params::new().with("zone", "zone1").with("type", "simple");
    let create = |lock: Option<&str>| client.sdn_create(&SdnKind::Zone, &zone, lock);
    assert!(create(None).unwrap_err().is_sdn_locked());
    assert!(client.sdn_unlock("other").unwrap_err().is_sdn_locked());
    create(Some(&held)).unwrap();
    client.sdn_break_lock().unwrap();
    assert_eq!(sim.world().sdn.lock, None);
    // Without a lock, a token is not looked at, and releasing it succeeds.
    client.sdn_unlock(&held).unwrap();
    assert!(create(Some(&held)).unwrap_err().already_exists());
    assert!(client.sdn_lock(false).unwrap_err().has_sdn_changes());
    let again = client.sdn_lock(true).unwrap();
    client.sdn_delete(&SdnKind::Zone, "zone1", Some(&again)).unwrap();
    client.sdn_unlock(&again).unwrap();
    assert_eq!(sim.world().sdn.lock, None);
    assert_eq!(sim.refused(), Vec::<String>::new());
}
