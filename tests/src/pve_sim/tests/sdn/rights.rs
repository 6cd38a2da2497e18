//! Which privilege shows and changes what (facts-2, the table of privileges).

use super::super::check;
use super::COMMITTED;

/// Returns a world whose token has these privileges on these paths.
fn world(grants: &[(&str, &str)]) -> String {
    let roles = grants.iter().enumerate().map(|(at, (_, privileges))| {
        let list: Vec<String> = privileges.split(' ').map(|p| format!("\"{p}\"")).collect();
        format!("\"R{at}\": [{}]", list.join(", "))
    });
    let acl = grants.iter().enumerate().map(|(at, (path, _))| {
        format!(r#"{{"path": "{path}", "who": "pipeline@pve", "role": "R{at}"}}"#)
    });
    let (roles, acl): (Vec<_>, Vec<_>) = (roles.collect(), acl.collect());
    format!(
        r#"{{"access": {{"users": {{"pipeline@pve": {{}}}},
            "tokens": {{"pipeline@pve!apply": {{"privsep": false,
                "secret": "00000000-0000-4000-8000-000000000001"}}}},
            "roles": {{{}}}, "acl": [{}]}},
        "sdn": {{"committed": {COMMITTED}}}}}"#,
        roles.join(", "),
        acl.join(", ")
    )
}

#[test]
fn lists_are_filtered_and_reads_refused() {
    let empty = r#"{"data":[]}"#;
    check(
        &world(&[("/sdn", "SDN.Use")]),
        "[]",
        &[
            ("GET /cluster/sdn/zones", empty),
            ("GET /cluster/sdn/vnets pending=1", empty),
            ("GET /cluster/sdn/controllers", empty),
            ("GET /cluster/sdn/fabrics/all", r#"{"fabrics":[],"nodes":[]}"#),
            (
                "GET /cluster/sdn/zones/zvx",
                "403 Permission check failed (/sdn/zones/zvx, SDN.Allocate)",
            ),
            (
                "GET /cluster/sdn/vnets/v1/subnets",
                "403 Permission check failed (/sdn/zones/zvx/v1, SDN.Audit|SDN.Allocate)",
            ),
            ("GET /cluster/sdn", "403 Permission check failed (/sdn, SDN.Audit)"),
            ("GET /nodes/pve1/sdn/zones", r#""zone":"zvx""#),
            (
                "GET /nodes/pve1/sdn/zones/zvx/content",
                "403 Permission check failed (/sdn/zones/zvx, SDN.Audit)",
            ),
        ],
    );
    check(
        &world(&[("/sdn/zones/zvx", "SDN.Audit")]),
        "[]",
        &[
            ("GET /cluster/sdn/zones", r#""zone":"zvx"}]}"#),
            ("GET /cluster/sdn/vnets", r#""vnet":"v1"}]}"#),
            ("GET /cluster/sdn/vnets/v1", "200 OK"),
            // Audit is not enough for one zone, and Allocate is not enough for the next two.
            ("GET /cluster/sdn/zones/zvx", "403"),
            ("GET /nodes/pve1/sdn/zones/zvx/content", "200 OK"),
        ],
    );
    // The zone of a new vnet is among what is pending.
    let new = r#""sdn": {"edited": {"vnets": {"n1": {"zone": "zvx", "tag": "9"}, "n2": {"zone": "zsimp"}}}, "#;
    check(
        &world(&[("/sdn/zones/zvx", "SDN.Audit")]).replace(r#""sdn": {"#, new),
        "[]",
        &[("GET /cluster/sdn/vnets pending=1", r#""vnet":"n1"},{"tag":100,"#)],
    );
    check(
        &world(&[("/sdn", "SDN.Allocate")]),
        "[]",
        &[
            ("GET /cluster/sdn/zones/zvx", "200 OK"),
            ("GET /cluster/sdn", "403"),
            ("GET /nodes/pve1/sdn/zones/zvx/content", "403"),
        ],
    );
}

#[test]
fn writes_need_allocate_on_their_path() {
    let on_zone = "403 Permission check failed (/sdn/zones/zvx, SDN.Allocate)";
    let on_vnet = "403 Permission check failed (/sdn/zones/zvx/v1, SDN.Allocate)";
    let all = "403 Permission check failed (/sdn, SDN.Allocate)";
    let subnet = "/cluster/sdn/vnets/v1/subnets";
    check(
        &world(&[("/sdn", "SDN.Audit")]),
        "[]",
        &[
            (
                "POST /cluster/sdn/zones zone=z type=simple",
                "403 Permission check failed (/sdn/zones, SDN.Allocate)",
            ),
            ("PUT /cluster/sdn/zones/zvx mtu=1400", on_zone),
            ("DELETE /cluster/sdn/zones/zvx", on_zone),
            ("POST /cluster/sdn/vnets vnet=v2 zone=zvx tag=9", on_zone),
            ("PUT /cluster/sdn/vnets/v1 tag=9", on_vnet),
            ("DELETE /cluster/sdn/vnets/v1", on_vnet),
            (&format!("POST {subnet} type=subnet subnet=10.51.0.0/24"), on_vnet),
            (&format!("PUT {subnet}/zvx-10.50.0.0-24 snat=1"), on_vnet),
            (&format!("DELETE {subnet}/zvx-10.50.0.0-24"), on_vnet),
            ("POST /cluster/sdn/lock", all),
            ("DELETE /cluster/sdn/lock force=1", all),
            ("PUT /cluster/sdn", all),
            ("POST /cluster/sdn/rollback", all),
            ("GET /cluster/sdn", r#"{"id":"fabrics"}"#),
        ],
    );
    // Allocate on a zone of one's own does not allow to create it.
    check(
        &world(&[("/sdn/zones/mine", "SDN.Allocate")]),
        "[]",
        &[("POST /cluster/sdn/zones zone=mine type=simple", "403")],
    );
    check(
        &world(&[("/sdn/zones", "SDN.Allocate")]),
        "[]",
        &[
            ("POST /cluster/sdn/zones zone=mine type=simple", "200 OK"),
            ("POST /cluster/sdn/vnets vnet=m1 zone=mine", "200 OK"),
            ("PUT /cluster/sdn", all),
        ],
    );
    check(
        &world(&[("/nodes/pve1", "Sys.Modify")]).replacen('{', r#"{"version": "9.2.11", "#, 1),
        "[]",
        &[(
            "GET /cluster/sdn/dry-run node=pve1",
            "403 Permission check failed (/nodes/pve1, Sys.Audit)",
        )],
    );
}
