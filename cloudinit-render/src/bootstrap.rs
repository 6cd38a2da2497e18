//! The profile script and the first-boot bootstrap of a VM that has a spec to fetch. Does no I/O.
//!
//! Both are there only when the document has a spec server and the VM a token.

use crate::additions::{Additions, Command};
use crate::paths::{CA, PROFILE, RETRY, SCRIPT};
use crate::shell::quoted;
use crate::write_file::WriteFile;
use stage::{Deployment, Vm};

/// The bootstrap, which is the same for every VM: its files, and the command that starts it.
pub(crate) struct Bootstrap {
    pub(crate) files: Vec<WriteFile>,
    pub(crate) command: Command,
}

impl Bootstrap {
    pub(crate) fn new(additions: &Additions) -> Self {
        let mut files = vec![
            WriteFile::of_root(SCRIPT, "0700", script(additions)),
            WriteFile::of_root(RETRY, "0700", AGAIN.to_owned()),
        ];
        if let Some(pem) = &additions.ca_certificate {
            files.push(WriteFile::of_root(CA, "0644", pem.clone()));
        }
        Self { files, command: Command::Words(vec![SCRIPT.to_owned()]) }
    }
}

/// Returns the profile script of a VM; `None` without a server or a token.
pub(crate) fn profile(
    deployment: &Deployment,
    vm: &Vm,
    additions: &Additions,
) -> Option<WriteFile> {
    let (server, token) = (deployment.spec_server.as_str(), vm.auth_token.expose());
    if server.is_empty() || token.is_empty() {
        return None;
    }
    let content = format!(
        "# Where this machine fetches its spec, and the token that it shows there.\n\
         export HOMESTAK_SERVER={}\nexport HOMESTAK_TOKEN={}\n",
        quoted(server),
        quoted(token)
    );
    // 0600: Debian's /etc/profile skips what a user cannot read, and root's script still gets it.
    let mode = additions.profile_mode.as_deref().unwrap_or("0600");
    Some(WriteFile::of_root(PROFILE, mode, content))
}

/// How the server's certificate is judged.
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

fn script(additions: &Additions) -> String {
    format!("{HEAD}{}{TAIL}", trust(additions))
}

const HEAD: &str = r#"#!/bin/sh
# Fetches this machine's spec and applies it, once. What fails is tried again at the next boot.
state=/var/lib/homestak
if [ -e "$state/first-boot.done" ] || [ -e /usr/local/etc/homestak/state/config-complete.json ]; then
    rm -f "$state/first-boot.failed"
    exit 0
fi
umask 077
mkdir -p "$state" || exit 1
exec >>/var/log/homestak-config.log 2>&1
umask 022
echo "first boot: $(date -u)"

fail() {
    echo "first boot: $1" | tee "$state/first-boot.failed"
    exit 1
}

# Until the end is reached, so that a boot that is cut off counts as failed too.
echo "first boot: not finished" >"$state/first-boot.failed"
. /etc/profile.d/homestak.sh
"#;

/// After a first boot that has failed; while there has been none, this does nothing.
const AGAIN: &str = r#"#!/bin/sh
[ ! -e /var/lib/homestak/first-boot.failed ] || exec /usr/local/sbin/homestak-first-boot
"#;

/// The reference's flow: whoever answers is believed.
const INSECURE: &str = r#"
get() { curl -fsS -k --retry 5 --retry-connrefused -o "$2" "$1"; }
install() { HOMESTAK_INSECURE=1 bash "$1"; }
config() { run './run.sh config fetch --insecure && ./run.sh config apply'; }
"#;

/// Gets the server's certificate and believes it when it has the fingerprint that is wanted.
const BY_FINGERPRINT: &str = r#"server=${HOMESTAK_SERVER#*://}
server=${server%%/*}
case $server in
    *]:*) name= ;;
    *]) name= server=$server:443 ;;
    *:*) name=${server%:*} ;;
    *) name=$server server=$server:443 ;;
esac
shown=$state/server.pem
openssl s_client -connect "$server" ${name:+-servername "$name"} </dev/null |
    openssl x509 -outform PEM >"$shown" || fail "the server shows no certificate"
came=$(openssl x509 -in "$shown" -noout -fingerprint -sha256)
[ "${came#*=}" = "$wanted" ] || fail "the server's certificate is ${came#*=}, wanted is $wanted"
mv -f "$shown" "$ca" || fail "$ca cannot be written"
"#;

/// Only what `ca` has signed is believed, by curl, git, Python's ssl and requests alike;
/// `config apply` then speaks to others, and is left alone.
const PINNED: &str = r#"
pin="CURL_CA_BUNDLE=$ca GIT_SSL_CAINFO=$ca SSL_CERT_FILE=$ca REQUESTS_CA_BUNDLE=$ca"
get() { curl -fsS --cacert "$ca" --retry 5 --retry-connrefused -o "$2" "$1"; }
install() { env $pin bash "$1"; }
config() { run "env $pin ./run.sh config fetch && ./run.sh config apply"; }
"#;

const TAIL: &str = r#"
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
        get "$HOMESTAK_SERVER/bootstrap.git/install" "$file" ||
        fail "$HOMESTAK_SERVER gives no installer"
    export HOMESTAK_SOURCE="$HOMESTAK_SERVER" HOMESTAK_REF=_working SKIP_SITE_CONFIG=1
    install "$file" || fail "the installer has failed"
    driver || fail "the installer has left no iac-driver"
fi
config || fail "the spec cannot be fetched or applied"
touch "$state/first-boot.done"
rm -f "$state/first-boot.failed"
echo "first boot: done"
"#;
