//! `Startup`: when a VM starts and stops with its node, out of PVE's property string. Does no I/O.

use pve_client::PropertyString;
use std::fmt;

/// The parts of PVE's `startup`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Startup {
    /// Lower numbers start first and stop last.
    order: Option<u32>,
    /// Seconds until the next VM is started.
    up: Option<u32>,
    /// Seconds that it has to shut down.
    down: Option<u32>,
}

impl Startup {
    /// What it must be, for messages.
    pub(crate) const RULE: &str = "a start order such as order=3,up=30,down=60, each part once";

    /// Reads PVE's text; `None` when it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // PVE: pve-common, JSONSchema.pm, pve_parse_startup_order: `order=` may be left out.
        let mut startup = Self::default();
        for (key, value) in PropertyString::parse(text, "order").pairs() {
            let part = match key {
                "order" => &mut startup.order,
                "up" => &mut startup.up,
                "down" => &mut startup.down,
                _ => return None,
            };
            // `parse` would take a sign.
            let number = value.bytes().all(|b| b.is_ascii_digit()).then(|| value.parse().ok());
            if part.replace(number.flatten()?).is_some() {
                return None;
            }
        }
        (startup != Self::default()).then_some(startup)
    }
}

/// As PVE's check wants it: the order first.
impl fmt::Display for Startup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [("order", self.order), ("up", self.up), ("down", self.down)];
        let said = parts.into_iter().filter_map(|(key, number)| Some(format!("{key}={}", number?)));
        f.write_str(&said.collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::Startup;

    fn check(text: &str, expected: Option<&str>) {
        let made = Startup::parse(text).map(|startup| startup.to_string());
        assert_eq!(made.as_deref(), expected, "{text:?}");
    }

    #[test]
    fn spelling_and_order_do_not_count() {
        check("order=3,up=30,down=60", Some("order=3,up=30,down=60"));
        check("down=60,up=030,3", Some("order=3,up=30,down=60"));
        check("up=0", Some("up=0"));
        for bad in ["", "first", "order=", "order=+1", "order=-1", "order=1,2", "up=1,up=2", "x=1"]
        {
            check(bad, None);
        }
    }
}
