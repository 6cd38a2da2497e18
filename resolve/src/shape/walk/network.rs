//! Options of zones, vnets and subnets, and mappings whose keys follow a rule. Does no I/O.

use super::{Name, Walker};
use crate::shape::{Rule, Type};
use crate::tree::{Content, Spanned, Tree};
use crate::yaml::Node;
use machine::sdn::Row;
use serde_json::{Map, Value};
use stage::shown;

impl Walker<'_> {
    /// Validates a mapping whose keys follow a rule.
    pub(super) fn keyed(
        &mut self,
        node: &Node,
        rule: &Rule,
        item: &Type,
        name: Name<'_>,
    ) -> Content {
        let Some(map) = node.map() else {
            return self.error("wrong-type", node.at, self.fact(node, name, "a mapping"));
        };
        let mut tree = Tree::default();
        for (key, value) in &map.0 {
            let shown = shown::name(&key.text);
            if !rule.accepts(&key.text) {
                let fact = format!("a key of {name} must be {}, not \"{shown}\"", rule.must);
                self.error("invalid-value", key.at, fact);
                continue;
            }
            let content = self.value(value, item, Name::Entry(name.key(), shown));
            tree.set(key.text.to_string(), Spanned { at: key.at, content });
        }
        Content::Map(tree)
    }

    /// Validates an option of a zone, vnet or subnet.
    pub(super) fn network_option(&mut self, node: &Node, row: &'static Row, key: &str) -> Content {
        let name = Name::Key(key, row.part.help);
        let content = match row.is_array() && !node.is_null() {
            true => self.ranges(node, row, name),
            false => self.kind(node, row.part.kind, name),
        };
        match content {
            Content::Value(value) => {
                let normal = row.normal_of_json(&value).map(|normal| row.to_json(&normal));
                Content::Value(normal.unwrap_or(value))
            }
            content => content,
        }
    }

    /// Validates ranges of addresses: a range or a list of ranges, each as PVE's text or as a
    /// mapping.
    fn ranges(&mut self, node: &Node, row: &'static Row, name: Name<'_>) -> Content {
        let items = node.list().unwrap_or(std::slice::from_ref(node));
        let mut ranges = Vec::new();
        for item in items {
            let range = json(item).filter(|range| row.normal_of_json(range).is_some());
            let Some(range) = range else {
                let rule = &machine::sdn::rule::DHCP_RANGE;
                return self.wrong(item, name, rule.must);
            };
            ranges.push(range);
        }
        Content::Value(ranges.into())
    }
}

/// Returns a range as JSON.
fn json(node: &Node) -> Option<Value> {
    let Some(map) = node.map() else { return Some(node.text()?.into()) };
    let pair = |(key, node): &(crate::yaml::Key, Node)| {
        Some((key.text.to_string(), Value::from(node.text()?)))
    };
    Some(Value::Object(map.0.iter().map(pair).collect::<Option<Map<_, _>>>()?))
}
