//! Properties of any site: no panic, deterministic output, correct merging, no secret in a message.
//! The fuzz target `site` in tests/fuzzed has others.

use proptest::prelude::*;
use resolve::memory::{check, document, validate};
use resolve::selection::VmSource;

const NODE: (&str, &str) = ("nodes/n.yaml", "{datastore: local, api_endpoint: 'https://n:8006'}");
const SECRETS: (&str, &str) =
    ("secrets.yaml", "api_tokens: {n: 'a@pve!b=00000000-0000-4000-8000-000000000001'}");

fn what() -> VmSource {
    VmSource::Env("e".to_owned())
}

const WORDS: [&str; 60] = [
    "vms",
    "nodes",
    "name",
    "ip",
    "parent",
    "type",
    "pve",
    "vm",
    "template",
    "preset",
    "vmid",
    "mac",
    "defaults",
    "gateway",
    "images",
    "tags",
    "packages",
    "10.0.0.5/24",
    "fd00::1/64",
    "dhcp",
    "0644",
    "yes",
    "12:30",
    "1e3",
    "~",
    "null",
    "a",
    "b",
    "-",
    ": ",
    ":",
    "\n",
    "\n  ",
    "\n    ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&x ",
    "*x",
    "<<: ",
    "!t ",
    "!!str ",
    "'",
    "\"",
    "|\n",
    ">\n",
    "#",
    "---\n",
    "%",
    "@",
    "\t",
    "\u{feff}",
    "ü",
    "\0",
    "99999999999999999999",
    "-1",
    "0x",
    "? ",
];

/// Text from words of YAML and sites, which gets further than random bytes.
fn yaml_like() -> impl Strategy<Value = String> {
    let word = prop::sample::select(&WORDS[..]);
    prop::collection::vec(
        prop_oneof![9 => word.prop_map(str::to_owned), 1 => any::<String>()],
        0..60,
    )
    .prop_map(|words| words.concat())
}

/// The values of a VM in one layer.
#[derive(Clone, Debug, Default)]
struct Layer {
    cores: Option<u32>,
    memory: Option<u32>,
    vlan: Option<u32>,
    packages: Option<Vec<String>>,
    bridge: Option<u8>,
    /// An option of a slot; `Some(None)` is null.
    tag: Option<Option<u32>>,
    mtu: Option<u32>,
}

impl Layer {
    fn yaml(&self) -> String {
        let mut lines = Vec::new();
        lines.extend(self.cores.map(|n| format!("cores: {n}")));
        lines.extend(self.memory.map(|n| format!("memory: {n}")));
        lines.extend(self.vlan.map(|n| format!("vlan: {n}")));
        lines.extend(self.packages.as_ref().map(|p| format!("packages: [{}]", p.join(", "))));
        lines.extend(self.bridge.map(|n| format!("bridge: vmbr{n}")));
        let tag = self.tag.map(|tag| tag.map_or("null".to_owned(), |tag| tag.to_string()));
        let tag = tag.map(|tag| format!(", tag: {tag}")).unwrap_or_default();
        let mtu = self.mtu.map(|mtu| format!(", mtu: {mtu}")).unwrap_or_default();
        if !tag.is_empty() || !mtu.is_empty() {
            lines.push(format!("net1: {{bridge: lan{tag}{mtu}}}"));
        }
        format!("{{{}}}", lines.join(", "))
    }

    fn over(&self, below: &Self) -> Self {
        Self {
            cores: self.cores.or(below.cores),
            memory: self.memory.or(below.memory),
            vlan: self.vlan.or(below.vlan),
            packages: self.packages.clone().or_else(|| below.packages.clone()),
            bridge: self.bridge.or(below.bridge),
            tag: self.tag.or(below.tag),
            mtu: self.mtu.or(below.mtu),
        }
    }
}

fn layer() -> impl Strategy<Value = Layer> {
    use prop::option::of;
    let package = prop::sample::select(vec!["nginx", "curl", "vim"]).prop_map(str::to_owned);
    let packages = prop::collection::vec(package, 0..3);
    let slot = (of(of(1..=4094u32)), of(576..9000u32));
    (of(1..=128u32), of(512..9000u32), of(1..=4094u32), of(packages), of(any::<u8>()), slot)
        .prop_map(|(cores, memory, vlan, packages, bridge, (tag, mtu))| Layer {
            cores,
            memory,
            vlan,
            packages,
            bridge,
            tag,
            mtu,
        })
}

/// Returns the VM `a` of a site with these layers.
fn vm(preset: &Layer, template: &str, own: &Layer) -> serde_json::Value {
    let own = own.yaml();
    let inner = own.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
    let comma = if inner.is_empty() { "" } else { ", " };
    let env = format!("vms: [{{name: a, template: t, image: i, disk: 1{comma}{inner}}}]");
    let preset = preset.yaml();
    let files = [
        NODE,
        SECRETS,
        ("presets/p.yaml", &preset),
        ("vms/t.yaml", template),
        ("envs/e.yaml", &env),
    ];
    document(&files, what(), "n").0.json()["vms"][0].clone()
}

fn template(layer: &Layer, preset: bool) -> String {
    let yaml = layer.yaml();
    let inner = yaml.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
    let first = if preset { "preset: p" } else { "description: x" };
    format!("{{{first}{}{inner}}}", if inner.is_empty() { "" } else { ", " })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_causes_a_panic(text in yaml_like()) {
        for kind in resolve::schema_kinds() {
            let _ = validate(kind, &text).unwrap();
        }
        let files = [
            ("site.yaml", text.as_str()), NODE, ("envs/e.yaml", &text), ("manifests/m.yaml", &text),
            ("vms/t.yaml", &text), ("presets/p.yaml", &text), ("specs/s.yaml", &text),
            ("networks/lab.yaml", &text),
        ];
        let _ = check(&files);
    }

    #[test]
    fn output_is_deterministic(text in yaml_like()) {
        let text = format!("vms:\n  - name: a\n    {}", text.replace('\n', "\n    "));
        let files = [NODE, SECRETS, ("envs/e.yaml", text.as_str())];
        let (one, other) = (document(&files, what(), "n"), document(&files, what(), "n"));
        prop_assert_eq!(one.0.to_bytes(), other.0.to_bytes());
        prop_assert_eq!(one.1, other.1);
    }

    /// (preset, template), VM = preset, (template, VM): merging is associative.
    #[test]
    fn layers_merge_associatively(preset in layer(), middle in layer(), own in layer()) {
        let three = vm(&preset, &template(&middle, true), &own);
        let below = vm(&Layer::default(), &template(&middle.over(&preset), false), &own);
        let above = vm(&preset, "preset: p", &own.over(&middle));
        prop_assert_eq!(&three, &below);
        prop_assert_eq!(&three, &above);
    }

    #[test]
    fn the_highest_layer_decides(preset in layer(), middle in layer(), own in layer()) {
        let resolved = vm(&preset, &template(&middle, true), &own);
        let wanted = own.over(&middle.over(&preset));
        prop_assert_eq!(resolved["cores"].as_u64(), wanted.cores.map(Into::into));
        prop_assert_eq!(resolved["vlan"].as_u64(), wanted.vlan.map(Into::into));
        let bridge = format!("vmbr{}", wanted.bridge.unwrap_or(0));
        prop_assert_eq!(resolved["bridge"].as_str(), Some(bridge.as_str()));
        let net1 = &resolved["config"]["net1"];
        prop_assert_eq!(net1.get("tag").cloned(), wanted.tag.map(|tag| serde_json::json!(tag)));
        prop_assert_eq!(net1.get("mtu").cloned(), wanted.mtu.map(|mtu| serde_json::json!(mtu)));
        let packages = serde_json::json!(wanted.packages.unwrap_or_default());
        prop_assert_eq!(&resolved["packages"], &packages);
    }

    /// Messages never contain values of secrets.yaml, however broken it is.
    #[test]
    fn no_message_holds_a_secret(
        before in yaml_like(),
        // Without quotes, a secret may start with a character that is special in YAML.
        mark in prop::sample::select(&["", "!", "!!", "!<", "!e!", "&", "*", "%", "@", "? ", "\"\\x"][..]),
        after in yaml_like(),
    ) {
        let secrets = format!(
            "{before} tHeSeCrEtX: {mark}tHeSeCrEtX {after}\npasswords: {{vm_root: [{mark}tHeSeCrEtX]}}"
        );
        let (_, report) = document(&[NODE, ("secrets.yaml", &secrets), ("envs/e.yaml", "vms: []")], what(), "n");
        for entry in report.entries() {
            prop_assert!(!serde_json::to_string(entry).unwrap().contains("tHeSeCrEtX"), "{entry:?}");
        }
    }

    /// Parents come first, and each VM is created once: here or on a nested node.
    #[test]
    fn a_manifest_is_ordered(links in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 1..12)) {
        let mut nodes = String::new();
        for (i, (link, nested)) in links.iter().enumerate() {
            let kind = if *nested { "pve" } else { "vm" };
            let parent = link.index(i + 1);
            let parent = if parent == i { "~".to_owned() } else { format!("v{parent}") };
            nodes.push_str(&format!(
                "  - {{name: v{i}, type: {kind}, parent: {parent}, image: i, cores: 1, memory: 512, disk: 1}}\n"
            ));
        }
        let manifest = format!("schema_version: 2\nname: m\nnodes:\n{nodes}");
        let files = [NODE, SECRETS, ("manifests/m.yaml", manifest.as_str())];
        let (document, report) = document(&files, VmSource::Manifest("m".into()), "n");
        prop_assert!(!report.has_errors(), "{:?}", report.entries());
        let json = document.json();
        let names = |key: &str| -> Vec<String> {
            let list = json.get(key).and_then(|v| v.as_array()).cloned().unwrap_or_default();
            list.iter().map(|v| v["name"].as_str().unwrap().to_owned()).collect()
        };
        let (here, waiting) = (names("vms"), names("waiting"));
        prop_assert_eq!(here.len() + waiting.len(), links.len());
        for vm in json["vms"].as_array().unwrap() {
            if let Some(parent) = vm.get("parent").and_then(|p| p.as_str()) {
                let at = |name: &str| here.iter().position(|n| n == name);
                prop_assert!(at(parent).unwrap() < at(vm["name"].as_str().unwrap()).unwrap());
            }
        }
    }
}
