//! The profile script and the first-boot bootstrap of a VM that has a spec to fetch, or sets itself
//! up in another way. Does no I/O.
//!
//! A VM gets them only when the document has a spec server and the VM a token.

use crate::additions::{Additions, Command};
use crate::paths::{CA, PROFILE, RETRY, SCRIPT, SERVICE, TIMER};
use crate::shell::quoted;
use crate::write_file::WriteFile;
use stage::guest::{PVE_CONFIG, VM_CONFIG};
use stage::{Deployment, Vm};

/// The bootstrap: its files, and the command that starts it. It is the same for every VM with the
/// same [`FirstBoot`].
pub(crate) struct Bootstrap {
    pub(crate) files: Vec<WriteFile>,
    pub(crate) command: Command,
}

/// What a VM does at its first boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstBoot {
    /// It fetches its spec and applies it.
    Spec,
    /// The same, with the boot scenario `vm-config` in its environment.
    VmConfig,
    /// It becomes a PVE node: the boot scenario `pve-config`.
    PveConfig,
}

impl FirstBoot {
    /// How many there are.
    pub(crate) const COUNT: usize = 3;

    /// Returns what a VM does; `None` for a VM that gets neither a profile script nor the bootstrap.
    pub(crate) fn of(deployment: &Deployment, vm: &Vm) -> Option<Self> {
        if deployment.spec_server.is_empty() || vm.auth_token.expose().is_empty() {
            return None;
        }
        Some(match vm.boot_scenario.as_deref() {
            None => Self::Spec,
            Some(PVE_CONFIG) => Self::PveConfig,
            Some(_) => Self::VmConfig,
        })
    }

    fn scenario(self) -> Option<&'static str> {
        match self {
            Self::Spec => None,
            Self::VmConfig => Some(VM_CONFIG),
            Self::PveConfig => Some(PVE_CONFIG),
        }
    }
}

impl Bootstrap {
    pub(crate) fn new(first_boot: FirstBoot, additions: &Additions) -> Self {
        let mut files = vec![
            WriteFile::of_root(SCRIPT, "0700", script(first_boot, additions)),
            WriteFile::of_root(RETRY, "0700", AT_BOOT.to_owned()),
            WriteFile::of_root(SERVICE, "0644", AGAIN.to_owned()),
            WriteFile::of_root(TIMER, "0644", timer()),
        ];
        if let Some(pem) = &additions.ca_certificate {
            files.push(WriteFile::of_root(CA, "0644", pem.clone()));
        }
        Self { files, command: Command::Words(vec![SCRIPT.to_owned()]) }
    }
}

/// Returns the profile script of a VM with this token.
pub(crate) fn profile(
    (server, token): (&str, &str),
    first_boot: FirstBoot,
    additions: &Additions,
) -> WriteFile {
    let mut content = format!(
        "# Where this machine fetches its spec, and the token that it shows there.\n\
         export HOMESTAK_SERVER={}\nexport HOMESTAK_TOKEN={}\n",
        quoted(server),
        quoted(token)
    );
    if let Some(scenario) = first_boot.scenario() {
        content.push_str(&format!("export HOMESTAK_BOOT_SCENARIO={}\n", quoted(scenario)));
    }
    // 0600: Debian's /etc/profile skips what a user cannot read, and root's script still gets it.
    let mode = additions.profile_mode.as_deref().unwrap_or("0600");
    WriteFile::of_root(PROFILE, mode, content)
}

/// Returns the part of the script that decides which certificate to trust.
fn trust(additions: &Additions) -> String {
    if additions.ca_certificate.is_some() {
        return format!("ca={CA}\n{PINNED}");
    }
    if let Some(fingerprint) = &additions.server_fingerprint {
        let wanted = quoted(&fingerprint.to_ascii_uppercase());
        return format!("ca={CA}\nwanted={wanted}\n{BY_FINGERPRINT}{PINNED}");
    }
    INSECURE.to_owned()
}

fn script(first_boot: FirstBoot, additions: &Additions) -> String {
    let trust = trust(additions);
    match first_boot {
        FirstBoot::Spec => format!("{HEAD}{trust}{GET}{DRIVER}"),
        FirstBoot::VmConfig => format!("{HEAD}{NOT_TWICE}{trust}{GET}{DRIVER}"),
        FirstBoot::PveConfig => format!("{HEAD}{trust}{GET}{UNIT}"),
    }
}

/// Returns the timer that retries a failed first boot, with pauses that never get shorter.
///
/// `OnActiveSec` may be repeated, and each elapses once, counted from the start of the timer
/// (systemd.timer(5)): the tries of one boot are bounded, and nothing has to be counted. The
/// accuracy spreads the machines of one site, as the offset in it follows the machine-id.
fn timer() -> String {
    let tries: String = TRIES.iter().map(|after| format!("OnActiveSec={after}\n")).collect();
    format!(
        "[Unit]\nDescription=Try the first boot again, with growing pauses\n\n\
         [Timer]\n{tries}AccuracySec=10s\n"
    )
}

/// When the first boot is retried, counted from the first failed try of this boot.
const TRIES: [&str; 10] = ["1min", "3min", "7min", "15min", "30min", "1h", "2h", "4h", "8h", "16h"];

/// Ordered after nothing but the basic system: it may run while cloud-init is still working.
const AGAIN: &str = "[Unit]
Description=Fetch this machine's spec and apply it, after a try that failed
ConditionPathExists=/var/lib/homestak/first-boot.failed

[Service]
Type=oneshot
ExecStart=/usr/local/sbin/homestak-first-boot
";

/// The lock keeps the timer, cloud-init and people from running it at the same time; `-o` keeps a
/// daemon that the driver starts from holding it. Only root can read it, because whoever can read a
/// file can lock it.
///
/// `HOME`: services of cloud-init and systemd have none, but git, ssh and Ansible need one.
const HEAD: &str = r#"#!/bin/sh
# Fetches this machine's spec and applies it, once. After a failure homestak-first-boot.timer tries
# again, with growing pauses, and so does each boot.
umask 077
[ -n "$HOMESTAK_LOCKED" ] ||
    HOMESTAK_LOCKED=1 exec flock -o /run/homestak-first-boot.lock "$0"
unset HOMESTAK_LOCKED
export HOME=/root
state=/var/lib/homestak
timer=homestak-first-boot.timer
if [ -e "$state/first-boot.done" ] || [ -e /usr/local/etc/homestak/state/config-complete.json ]; then
    rm -f "$state/first-boot.failed"
    systemctl stop --no-block "$timer" 2>/dev/null
    exit 0
fi
mkdir -p "$state" || exit 1
exec >>/var/log/homestak-config.log 2>&1
umask 022
echo "first boot: $(date -u)"

# An active timer is left alone: started again, it would count from the beginning.
try_again() {
    systemctl is-active --quiet "$timer" && return
    systemctl daemon-reload && systemctl start --no-block "$timer"
}

fail() {
    echo "first boot: $1" | tee "$state/first-boot.failed"
    try_again
    exit 1
}

# Until the end is reached, so that a boot that is cut off counts as failed too.
echo "first boot: not finished" >"$state/first-boot.failed"
. /etc/profile.d/homestak.sh
"#;

/// Retries a failed first boot at each boot; does nothing if none has failed.
const AT_BOOT: &str = r#"#!/bin/sh
[ ! -e /var/lib/homestak/first-boot.failed ] || exec /usr/local/sbin/homestak-first-boot
"#;

/// The reference's flow: trusts whoever answers.
const INSECURE: &str = r#"
trust=-k
install() { HOMESTAK_INSECURE=1 bash "$1"; }
config() { run './run.sh config fetch --insecure && ./run.sh config apply'; }
"#;

/// Fetches the server's certificate and trusts it if it has the expected fingerprint. s_client itself waits
/// forever for a server that accepts the connection and stays silent.
const BY_FINGERPRINT: &str = r#"server=${HOMESTAK_SERVER#*://}
server=${server%%/*}
case $server in
    *]:*) name= ;;
    *]) name= server=$server:443 ;;
    *:*) name=${server%:*} ;;
    *) name=$server server=$server:443 ;;
esac
shown=$state/server.pem
timeout 60 openssl s_client -connect "$server" ${name:+-servername "$name"} </dev/null |
    openssl x509 -outform PEM >"$shown" || fail "the server shows no certificate"
came=$(openssl x509 -in "$shown" -noout -fingerprint -sha256)
[ "${came#*=}" = "$wanted" ] || fail "the server's certificate is ${came#*=}, wanted is $wanted"
mv -f "$shown" "$ca" || fail "$ca cannot be written"
"#;

/// Makes curl, git, Python's ssl and requests trust only what `ca` has signed. `config apply` talks
/// to other servers and is left alone.
const PINNED: &str = r#"
pin="CURL_CA_BUNDLE=$ca GIT_SSL_CAINFO=$ca SSL_CERT_FILE=$ca REQUESTS_CA_BUNDLE=$ca"
trust="--cacert $ca"
install() { env $pin bash "$1"; }
config() { run "env $pin ./run.sh config fetch && ./run.sh config apply"; }
"#;

/// Without `-f`, curl does not retry a 404, so the script asks for the other name at once. curl
/// still retries 408, 429, 500, 502, 503 and 504 (curl(1), `--retry`).
/// curl before 7.71 (RHEL 8, Ubuntu 20.04) lacks `--retry-all-errors`: there, other errors, such as
/// a name that does not resolve, wait for the timer.
const GET: &str = r#"
every=--retry-all-errors
curl $every --version >/dev/null 2>&1 || every=
get() {
    code=$(curl -sS $trust --retry 5 --retry-connrefused $every --connect-timeout 10 --max-time 120 \
        -w '%{http_code}' -o "$2" "$1")
    ended=$? why="HTTP status $code"
    [ $ended = 0 ] || why="curl ended with $ended"
    [ "$ended $code" = "0 200" ]
}
"#;

/// The newest installer would fetch and apply the spec itself, as a user who cannot read the profile
/// script.
const NOT_TWICE: &str = "unset HOMESTAK_BOOT_SCENARIO\n";

/// Has the installer carry out the boot scenario. It leaves a unit that goes on after each reboot,
/// which a PVE node needs to boot its own kernel; `systemctl start` waits for a run under way.
const UNIT: &str = r#"
unit=pve-config.service
known() { [ -e "/etc/systemd/system/$unit" ]; }
if ! known; then
    file=$state/install.sh
    get "$HOMESTAK_SERVER/bootstrap.git/install.sh" "$file" ||
        { [ $ended = 0 ] && get "$HOMESTAK_SERVER/bootstrap.git/install" "$file"; } ||
        fail "no installer from $HOMESTAK_SERVER: $why"
    export HOMESTAK_REF=_working
    install "$file" || fail "the installer failed"
    known || fail "the installer does not know the boot scenario $HOMESTAK_BOOT_SCENARIO"
fi
systemctl start "$unit" || fail "$unit failed: see journalctl -u $unit"
touch "$state/first-boot.done"
rm -f "$state/first-boot.failed"
systemctl stop --no-block "$timer"
echo "first boot: done"
"#;

/// Fetches the spec and applies it with the driver, which the installer brings if the image has none.
const DRIVER: &str = r#"
driver() {
    for folder in /usr/local/lib/homestak/iac-driver /home/homestak/iac/iac-driver; do
        [ -x "$folder/run.sh" ] && cd "$folder" && return
    done
    return 1
}

# As the driver's owner: root in older installations, a user of its own in newer ones.
run() {
    owner=$(stat -c %U run.sh)
    if [ "$owner" = root ]; then sh -c "$1"; else su "$owner" -s /bin/sh -c "$1"; fi
}

if ! driver; then
    file=$state/install.sh
    get "$HOMESTAK_SERVER/bootstrap.git/install.sh" "$file" ||
        { [ $ended = 0 ] && get "$HOMESTAK_SERVER/bootstrap.git/install" "$file"; } ||
        fail "no installer from $HOMESTAK_SERVER: $why"
    export HOMESTAK_SOURCE="$HOMESTAK_SERVER" HOMESTAK_REF=_working SKIP_SITE_CONFIG=1
    install "$file" || fail "the installer failed"
    driver || fail "the installer left no iac-driver"
fi
config || fail "the spec could not be fetched or applied"
touch "$state/first-boot.done"
rm -f "$state/first-boot.failed"
systemctl stop --no-block "$timer"
echo "first boot: done"
"#;
