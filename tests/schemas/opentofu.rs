//! OpenTofu, or Terraform, reads documents as `-var-file` of a module with the variables of the one that they
//! come from (`tests/opentofu/main.tf`), and judges their types.
//!
//! A run judges any number of values: each gets a variable of its own, declared as in the module. Nothing is
//! fetched, because the module has no providers.

use super::root;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;
use test_support::peer::Peer;

/// A value for a variable of the module.
pub(crate) struct Trial {
    pub(crate) variable: String,
    pub(crate) value: Value,
}

/// A directory with a module, and the program that reads it.
pub(crate) struct OpenTofu {
    program: Peer,
    folder: tempfile::TempDir,
}

impl OpenTofu {
    /// `None` if neither program is installed.
    pub(crate) fn new() -> Option<Self> {
        let program = Peer::find_any(&["tofu", "terraform"])?;
        Some(Self { program, folder: tempfile::tempdir().unwrap() })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    /// Runs it without the web and without the user's configuration; returns what it prints.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let mut command = self.program.command();
        command.args(arguments).current_dir(self.path());
        command.env("CHECKPOINT_DISABLE", "1").env("TF_CLI_CONFIG_FILE", "/dev/null");
        let output = command.env("TF_IN_AUTOMATION", "1").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// Reads a document with the module, and returns the findings.
    pub(crate) fn read(&self, document: &Value) -> Vec<Finding> {
        let module = std::fs::read_to_string(root().join("tests/opentofu/main.tf")).unwrap();
        self.write("main.tf", &module);
        self.plan(document)
    }

    /// Returns for each trial what is wrong with its value.
    pub(crate) fn judge(&self, trials: &[Trial]) -> Vec<Option<String>> {
        let declarations = declarations();
        let mut values = Map::new();
        for (number, trial) in trials.iter().enumerate() {
            let (name, of) = (format!("trial_{number}"), &trial.variable);
            let declaration = declarations[of]
                .replace(&format!("\"{of}\""), &format!("\"{name}\""))
                .replace(&format!("var.{of} "), &format!("var.{name} "));
            self.write(&format!("{name}.tf"), &declaration);
            values.insert(name, trial.value.clone());
        }
        let mut faults = vec![None; trials.len()];
        for finding in self.plan(&Value::Object(values)) {
            let number = finding.trial().unwrap_or_else(|| panic!("{finding:?}"));
            faults[number] = Some(finding.detail);
        }
        faults
    }

    fn plan(&self, values: &Value) -> Vec<Finding> {
        self.write("values.tfvars.json", &values.to_string());
        let plan = ["plan", "-json", "-input=false", "-var-file=values.tfvars.json", "-out=plan"];
        let printed = self.run(&plan);
        let lines = printed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter_map(|line| Finding::of(&line["diagnostic"])).collect()
    }
}

/// What it has to say.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) is_error: bool,
    pub(crate) detail: String,
    file: String,
}

impl Finding {
    fn of(json: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let severity = json["severity"].as_str()?;
        let (detail, file) = (text(&json["detail"]), text(&json["range"]["filename"]));
        Some(Self { is_error: severity == "error", detail, file })
    }

    /// Returns which trial it is about: the text names the variable or its file.
    fn trial(&self) -> Option<usize> {
        let number = |text: &str| {
            let (_, rest) = text.split_once("trial_")?;
            rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        };
        number(&self.detail).or_else(|| number(&self.file))
    }
}

/// Returns the module's variables: name → declaration.
pub(crate) fn declarations() -> BTreeMap<String, String> {
    let module = std::fs::read_to_string(root().join("tests/opentofu/main.tf")).unwrap();
    let blocks = module.split("\n\n").map(str::trim_end).filter(|block| !block.starts_with('#'));
    // An empty line may be within a block.
    let whole = blocks.fold(Vec::<String>::new(), |mut blocks, part| {
        match blocks.last_mut().filter(|_| part.starts_with(' ')) {
            Some(block) => *block += &format!("\n\n{part}"),
            None => blocks.push(part.to_owned()),
        }
        blocks
    });
    let named = |block: String| {
        let name = block.strip_prefix("variable \"")?.split('"').next()?.to_owned();
        Some((name, block))
    };
    whole.into_iter().filter_map(named).collect()
}
