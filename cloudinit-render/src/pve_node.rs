//! What a nested PVE node gets: a script that makes a token for the VMs on it, and the unit that runs
//! the script. Does no I/O.
//!
//! A unit and not a script of cloud-init: it goes on after a reboot, which the installation of PVE
//! needs, and cloud-init does not wait for it. It is enabled by `runcmd`, and a success disables it.

use crate::additions::Command;
use crate::paths::{NODE_SCRIPT, NODE_SERVICE};
use crate::shell::quoted;
use crate::write_file::WriteFile;
use machine::Version;
use machine::token::of_nested_node;

/// Returns the script and its unit.
pub(crate) fn files() -> [WriteFile; 2] {
    [
        WriteFile::of_root(NODE_SCRIPT, "0700", script()),
        WriteFile::of_root(NODE_SERVICE, "0644", UNIT.to_owned()),
    ]
}

/// Returns the command that has the node's names resolve to a real address: PVE can be installed only
/// after it.
pub(crate) fn before(names: &[&str]) -> Command {
    let words = [NODE_SCRIPT, "hosts"].iter().chain(names);
    Command::Words(words.map(|word| (*word).to_owned()).collect())
}

/// Returns the commands that start the unit, now and at each boot until it has succeeded.
pub(crate) fn after() -> [Command; 3] {
    let systemctl = |words: &[&str]| {
        let words = ["systemctl"].iter().chain(words);
        Command::Words(words.map(|word| (*word).to_owned()).collect())
    };
    [
        systemctl(&["daemon-reload"]),
        systemctl(&["enable", UNIT_NAME]),
        systemctl(&["start", "--no-block", UNIT_NAME]),
    ]
}

/// Returns the command for `bootcmd`, which runs at each boot when cloud-init has written the network's
/// configuration.
pub(crate) fn at_boot() -> Vec<&'static str> {
    vec!["/bin/sh", "-c", AT_BOOT]
}

/// PVE writes /etc/network/interfaces without the line that has ifupdown2 read cloud-init's file. Images
/// with PVE add it by a `bootcmd` of their own, which ours replaces.
const AT_BOOT: &str = r#"interfaces=/etc/network/interfaces
[ -s "$interfaces.d/50-cloud-init" ] && command -v ifup >/dev/null || exit 0
grep -qs "^[[:space:]]*source.*$interfaces\.d" "$interfaces" && exit 0
echo "source $interfaces.d/*" >>"$interfaces"
ifup -a
"#;

fn script() -> String {
    let privileges = |pve| {
        let list: Vec<_> = of_nested_node(pve).into_iter().collect();
        quoted(&list.join(","))
    };
    SCRIPT
        .replace("@PRIVILEGES_8@", &privileges(Version::OLDEST))
        .replace("@PRIVILEGES@", &privileges(Version(9, 0)))
}

const SCRIPT: &str = include_str!("pve_node.sh");

const UNIT_NAME: &str = "pve-pipeline-node.service";

/// `exec` and not `oneshot`: multi-user.target, and with it cloud-init at later boots, would wait for
/// the end of a oneshot unit. The units of PVE may not exist yet.
const UNIT: &str = "[Unit]
Description=Make an API token for the virtual machines on this node
Wants=network-online.target
After=network-online.target pve-cluster.service pvedaemon.service pveproxy.service

[Service]
Type=exec
ExecStart=/usr/local/sbin/pve-pipeline-node

[Install]
WantedBy=multi-user.target
";
