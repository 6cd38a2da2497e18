//! `At`: a place in a list of networks. Does no I/O.

/// A place in a list of networks, by index in each list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// The network.
    pub network: usize,
    /// The vnet.
    pub vnet: Option<usize>,
    /// The subnet.
    pub subnet: Option<usize>,
}

impl At {
    /// Returns its path in the document: `networks[0].vnets[1].config.tag`.
    pub fn path(self, option: Option<&str>) -> String {
        let mut path = format!("networks[{}]", self.network);
        for (list, index) in [("vnets", self.vnet), ("subnets", self.subnet)] {
            if let Some(index) = index {
                path.push_str(&format!(".{list}[{index}]"));
            }
        }
        match option {
            Some(option) => format!("{path}.config.{option}"),
            None => path,
        }
    }
}
