//! Completion scripts: clap's, with the names that only a site knows. Does no I/O.
//!
//! The names come from `resolve list KIND --names`. clap's own engine for this is unstable, and it would
//! have every tool read the site, which only resolve understands.

use clap::Command;
use clap_complete::Shell;

/// Options whose value is a name of the site, and what `resolve list` calls these.
const OPTIONS: [(&str, &str); 8] = [
    ("env", "envs"),
    ("manifest", "manifests"),
    ("node", "nodes"),
    ("host", "nodes"),
    ("preset", "presets"),
    ("spec", "specs"),
    ("posture", "postures"),
    ("vm", "vms"),
];

/// Returns the scripts by their paths.
pub(super) fn scripts(command: &mut Command, name: &str) -> Vec<(String, String)> {
    let options: Vec<(&str, &str)> =
        OPTIONS.into_iter().filter(|(option, _)| completes(command, name, option)).collect();
    let mut script = |shell| {
        let mut script = Vec::new();
        clap_complete::generate(shell, command, name, &mut script);
        String::from_utf8_lossy(&script).into_owned()
    };
    let (bash, fish, zsh) = (script(Shell::Bash), script(Shell::Fish), script(Shell::Zsh));
    // clap_complete 4.6.11 writes a dash of the tool's name in one way where it sets a command and in
    // another where it looks for it, so that nothing is completed after a subcommand.
    let bash = bash.replace(&name.replace('-', "__subcmd__"), &name.replace('-', "__"));
    let with = |script: String, add: fn(String, &str, &[(&str, &str)]) -> String| match options[..]
    {
        [] => script,
        _ => add(script, name, &options),
    };
    vec![
        (format!("completions/{name}.bash"), with(bash, with_bash)),
        (format!("completions/{name}.fish"), with(fish, with_fish)),
        (format!("completions/_{name}"), with(zsh, with_zsh)),
    ]
}

fn completes(command: &Command, name: &str, option: &str) -> bool {
    // The VM of `resolve --vm` is a new one.
    let all = std::iter::once(command).chain(command.get_subcommands());
    let mut args = all.flat_map(Command::get_arguments);
    let is = |arg: &clap::Arg| {
        arg.get_long_and_visible_aliases().is_some_and(|names| names.contains(&option))
    };
    args.any(is) && (name, option) != ("resolve", "vm")
}

const BASH: &str = r#"
# Names that only the site knows; everything else is left to the function above.
_NAME_names() {
    local cur="${COMP_WORDS[COMP_CWORD]}" prev="$3" kind="" site=() i
    # `--env=dev` comes as three words.
    if [[ "${cur}" == "=" ]]; then
        cur="" prev="${COMP_WORDS[COMP_CWORD-1]}"
    elif [[ "${prev}" == "=" ]]; then
        prev="${COMP_WORDS[COMP_CWORD-2]}"
    fi
    case "${prev}" in
CASES        *) _NAME "$@"; return ;;
    esac
    for ((i = 1; i + 1 < COMP_CWORD; i++)); do
        [[ "${COMP_WORDS[i]}" == "--site" ]] && site=(--site "${COMP_WORDS[i+1]}")
    done
    COMPREPLY=($(compgen -W "$(resolve list "${kind}" --names "${site[@]}" 2>/dev/null)" -- "${cur}"))
}

if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -F _NAME_names -o nosort -o bashdefault -o default TOOL
else
    complete -F _NAME_names -o bashdefault -o default TOOL
fi
"#;

fn with_bash(script: String, tool: &str, options: &[(&str, &str)]) -> String {
    let mut cases: String = options
        .iter()
        .map(|(option, kind)| format!("        --{option}) kind={kind} ;;\n"))
        .collect();
    if tool == "resolve" {
        cases.push_str("        explain) kind=vms ;;\n        spec) kind=specs ;;\n");
    }
    // As clap_complete mangles it.
    let function = format!("_{}", tool.replace('-', "__"));
    let names = BASH.replace("CASES", &cases).replace("_NAME", &function).replace("TOOL", tool);
    script + &names
}

const FISH: &str = r#"
# Names that only the site knows.
function __fish_NAME_names
    set -l words (commandline -opc)
    set -l site
    if set -l at (contains -i -- --site $words)
        set site --site $words[(math $at + 1)]
    end
    resolve list $argv[1] --names $site 2>/dev/null
end

"#;

fn with_fish(script: String, tool: &str, options: &[(&str, &str)]) -> String {
    let function = tool.replace('-', "_");
    let lines = options.iter().map(|(option, kind)| {
        format!("complete -c {tool} -l {option} -x -a '(__fish_{function}_names {kind})'\n")
    });
    script + &FISH.replace("NAME", &function) + &lines.collect::<String>()
}

const ZSH: &str = r#"
# Names that only the site knows.
_NAME_names() {
    local -a names site
    [[ -n "${opt_args[--site]}" ]] && site=(--site "${opt_args[--site]}")
    names=(${(f)"$(resolve list $1 --names "${site[@]}" 2>/dev/null)"})
    compadd -a names
}
"#;

fn with_zsh(script: String, tool: &str, options: &[(&str, &str)]) -> String {
    let head = "autoload -U is-at-least\n";
    let mut out = String::new();
    for line in script.split_inclusive('\n') {
        let kind = options.iter().find(|(option, _)| line.contains(&format!("--{option}=[")));
        out.push_str(&match kind {
            // An action that begins with a blank is run as it is.
            Some((_, kind)) => line.replace(":_default'", &format!(": _{tool}_names {kind}'")),
            None => line.to_owned(),
        });
    }
    out.replacen(head, &format!("{head}{}", ZSH.replace("_NAME", &format!("_{tool}"))), 1)
}
