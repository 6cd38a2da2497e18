//! What the rules accept and what they refuse.

use super::*;

fn check(rule: fn(&str) -> Rule, good: &[&str], bad: &[&str]) {
    for text in good {
        assert_eq!(rule(text), Ok(()), "{text:?}");
    }
    for text in bad {
        assert!(rule(text).is_err(), "{text:?}");
    }
}

#[test]
fn names() {
    let long = "a".repeat(63);
    let longer = "a".repeat(64);
    // `on`, `0123` and `null` are names: quoted, they stay text.
    check(
        host_name,
        &["edge", "on", "0123", "null", "a-b", "Edge", "a.example.com", &long],
        &[
            "",
            "-a",
            "a-",
            "a_b",
            "a b",
            "a..b",
            ".a",
            "é",
            "a\n",
            "a\0",
            "localhost",
            &longer,
            "a/b",
        ],
    );
    check(
        user,
        &["homestak", "_x", "a-1", "root", "yes"],
        &[
            "", "ALL", "Root", "1a", "-a", "a b", "a:b", "a\n", "default", "a.b", "%sudo", "#1000",
            &longer, "operator", "backup", "sudo",
        ],
    );
    check(
        timezone,
        &[
            "UTC",
            "Europe/Berlin",
            "Etc/GMT+1",
            "GMT+0",
            "America/Port-au-Prince",
            "America/North_Dakota/New_Salem",
        ],
        &[
            "",
            "/etc/passwd",
            "../x",
            "a b",
            "UTC\n",
            "Europe/",
            "-x",
            "europe/berlin",
            "Europe/berlin",
            "UTC+1",
        ],
    );
}

#[test]
fn words_of_commands() {
    check(
        package,
        &["htop", "g++", "libc6:amd64", "nginx=1.22.1-9", "vim/stable", "NetworkManager", "0ad"],
        &[
            "",
            "-y",
            "-oDPkg::Pre-Invoke::=x",
            "a b",
            "a;b",
            "$(x)",
            "foo: bar",
            "vim-",
            "a\n",
            "é",
            "/x",
            "../x",
        ],
    );
    check(command, &["", "echo 'x'; y\n", "é"], &["a\0b"]);
    check(owner, &["root", "root:root", "www-data:adm"], &["", ":", "a:b:c", "-a", "a b", "a:"]);
    check(
        permissions,
        &["0644", "600", "1777"],
        &["", "644 ", "0o644", "0888", "rw", "00644", "64"],
    );
    check(
        path,
        &["/etc/x", "/a b/é"],
        &["", "x", "/", "/a/", "/a/../b", "/a\n", "/./a", "//a", "/a//b"],
    );
}

#[test]
fn addresses() {
    check(
        address,
        &["1.1.1.1", "::1", "fd00::1"],
        &["", "1.1.1", "1.1.1.1/24", "0.0.0.0", "dns", "1.1.1.1 "],
    );
    check(
        interface,
        &["10.0.0.5/24", "10.0.0.5/8", "10.0.0.5/32", "fd00::5/64", "fd00::5/128"],
        &[
            "",
            "10.0.0.5",
            "10.0.0.5/",
            "10.0.0.5/0",
            "10.0.0.5/7",
            "10.0.0.5/33",
            "10.0.0.5/+24",
            "10.0.0.5/024",
            "010.0.0.5/24",
            "10.0.0.5/255.255.255.0",
            "fd00::5/129",
            "::ffff:10.0.0.1/96",
            "fe80::1%eth0/64",
            "dhcp",
        ],
    );
    check(
        mac,
        &["02:00:00:00:00:01", "BC:24:11:aa:bb:cc"],
        &[
            "",
            "02:00:00:00:00",
            "03:00:00:00:00:01",
            "02-00-00-00-00-01",
            "02:00:00:00:00:0g",
            "02:00:00:00:00:001",
            "+2:00:00:00:00:01",
            "00:00:00:00:00:00",
        ],
    );
    check(
        server,
        &["https://srv1:44443", "http://[fd00::1]:80/x", "https://s/$(x)'"],
        &["", "srv1", "https://", "https:///x", "ftp://x", "https://a b", "https://a\n"],
    );
}

#[test]
fn secrets() {
    check(token, &["a.b", "it's"], &["a b", "a\n"]);
    check(fingerprint, &[&["AB"; 32].join(":")], &["", &["AB"; 31].join(":"), &"AB".repeat(32)]);
    let pem = "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n";
    check(certificate, &[pem, &pem.repeat(2)], &["", "MII=", "-----BEGIN CERTIFICATE-----\n"]);
}

#[test]
fn hosts() {
    let fact = |text: &str| {
        let (address, prefix) = text.split_once('/').unwrap();
        host(address.parse().unwrap(), prefix.parse().unwrap())
    };
    let good = [
        "10.0.0.1/24",
        "10.0.0.0/31",
        "10.0.0.1/31",
        "10.0.0.0/32",
        "10.0.1.0/23",
        "10.0.0.255/23",
    ];
    let good_v6 = ["fd00::1/64", "fd00::ffff:ffff:ffff:ffff/64", "fd00::/127", "fd00::/128"];
    for text in good.into_iter().chain(good_v6) {
        assert_eq!(fact(text), Ok(()), "{text}");
    }
    for text in ["10.0.0.0/24", "10.0.0.0/8", "10.0.0.4/30", "fd00::/64", "fd00::4/126"] {
        assert_eq!(fact(text), Err("is the network address"), "{text}");
    }
    for text in ["10.0.0.255/24", "10.255.255.255/8", "10.0.0.7/30"] {
        assert_eq!(fact(text), Err("is the broadcast address of its network"), "{text}");
    }
    for text in [
        "0.0.0.0/8",
        "127.0.0.1/8",
        "224.0.0.1/24",
        "255.255.255.255/32",
        "::1/128",
        "::/64",
        "ff02::1/64",
    ] {
        assert_eq!(fact(text), Err("is not a valid address for a VM"), "{text}");
    }
}
