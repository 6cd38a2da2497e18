//! DOOR: the network, only to check whether an SSH server answers. Nothing is sent.

use std::io::Read;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

const PORT: u16 = 22;
/// How long one try may take: a host of the same network answers in milliseconds.
const TRY: Duration = Duration::from_secs(2);

/// Returns whether an SSH server answers at one of the addresses.
pub(crate) fn answers(addresses: &[IpAddr]) -> bool {
    addresses.iter().any(|address| greets(SocketAddr::new(*address, PORT)))
}

/// Returns whether an SSH server sends its banner: an open port alone may be a firewall's.
fn greets(address: SocketAddr) -> bool {
    let read = || -> std::io::Result<[u8; 4]> {
        let mut stream = TcpStream::connect_timeout(&address, TRY)?;
        stream.set_read_timeout(Some(TRY))?;
        let mut greeting = [0; 4];
        stream.read_exact(&mut greeting)?;
        Ok(greeting)
    };
    // RFC 4253, 4.2: the start of the server's identification.
    read().is_ok_and(|greeting| &greeting == b"SSH-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;

    fn check(greeting: &'static [u8], expected: bool) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || listener.accept().unwrap().0.write_all(greeting));
        assert_eq!(greets(address), expected);
        server.join().unwrap().unwrap();
    }

    #[test]
    fn only_an_ssh_server_counts() {
        check(b"SSH-2.0-OpenSSH_10.0\r\n", true);
        check(b"HTTP/1.1 400\r\n", false);
        check(b"", false);
    }

    #[test]
    fn a_closed_port_is_not_a_server() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert!(!greets(address));
    }
}
