# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_resolve_global_optspecs
    string join \n env= manifest= manifest-file= vm= node= deployment= parent= endpoint= spec-server= no-secrets preset= image= vmid= spec= ip= gateway= bridge= disk= site= log-format= v/verbose o/output= h/help V/version
end

function __fish_resolve_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_resolve_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_resolve_using_subcommand
    set -l cmd (__fish_resolve_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c resolve -n "__fish_resolve_needs_command" -l env -d 'Resolve the env envs/NAME.yaml' -r
complete -c resolve -n "__fish_resolve_needs_command" -l manifest -d 'Resolve the manifest manifests/NAME.yaml' -r
complete -c resolve -n "__fish_resolve_needs_command" -l manifest-file -d 'Resolve a manifest outside the site' -r
complete -c resolve -n "__fish_resolve_needs_command" -l vm -d 'Resolve one ad-hoc VM of this name, which no file describes' -r
complete -c resolve -n "__fish_resolve_needs_command" -l node -l host -d 'Node nodes/NAME.yaml to use' -r
complete -c resolve -n "__fish_resolve_needs_command" -l deployment -d 'Name of the deployment [default: the name of the env or manifest]' -r
complete -c resolve -n "__fish_resolve_needs_command" -l parent -d 'Resolve the children of this nested PVE node of the manifest' -r
complete -c resolve -n "__fish_resolve_needs_command" -l endpoint -d 'URL of the PVE API, such as a tunnel\'s' -r
complete -c resolve -n "__fish_resolve_needs_command" -l spec-server -d 'URL of the spec server from which the VMs set themselves up, or empty for none' -r
complete -c resolve -n "__fish_resolve_needs_command" -l preset -d 'Preset to start from' -r
complete -c resolve -n "__fish_resolve_needs_command" -l image -d 'Image of the boot disk' -r
complete -c resolve -n "__fish_resolve_needs_command" -l vmid -d 'VM ID [default: the first free ID of the site\'s `vmid_range`]' -r
complete -c resolve -n "__fish_resolve_needs_command" -l spec -d 'Spec that the VM fetches with its token' -r
complete -c resolve -n "__fish_resolve_needs_command" -l ip -d 'Address: `dhcp`, or an address with its prefix such as 10.0.0.7/24' -r
complete -c resolve -n "__fish_resolve_needs_command" -l gateway -d 'Gateway' -r
complete -c resolve -n "__fish_resolve_needs_command" -l bridge -d 'Bridge or VNet of the first NIC' -r
complete -c resolve -n "__fish_resolve_needs_command" -l disk -d 'Size of the boot disk in GiB' -r
complete -c resolve -n "__fish_resolve_needs_command" -l site -d 'Directory of the site' -r -F
complete -c resolve -n "__fish_resolve_needs_command" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c resolve -n "__fish_resolve_needs_command" -s o -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c resolve -n "__fish_resolve_needs_command" -l no-secrets -d 'Leave secrets out, so that the document can be shown and compared'
complete -c resolve -n "__fish_resolve_needs_command" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c resolve -n "__fish_resolve_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c resolve -n "__fish_resolve_needs_command" -s V -l version -d 'Print version'
complete -c resolve -n "__fish_resolve_needs_command" -f -a "init" -d 'Write a new site with one VM: four files to edit'
complete -c resolve -n "__fish_resolve_needs_command" -f -a "explain" -d 'Explain where each value of a VM, a network or the document\'s head comes from'
complete -c resolve -n "__fish_resolve_needs_command" -f -a "check" -d 'Check the whole site: each file, each env and manifest on each node, and these together'
complete -c resolve -n "__fish_resolve_needs_command" -f -a "list" -d 'List what the site holds'
complete -c resolve -n "__fish_resolve_needs_command" -f -a "ansible-vars" -d 'Print the variables for Ansible as JSON'
complete -c resolve -n "__fish_resolve_needs_command" -f -a "spec" -d 'Print a spec as JSON, with its references resolved'
complete -c resolve -n "__fish_resolve_needs_command" -f -a "schema" -d 'Print the JSON Schema of a kind of file, for editors'
complete -c resolve -n "__fish_resolve_using_subcommand init" -l node -d 'Name of the PVE node [default: PVE_NODE, or pve1]' -r
complete -c resolve -n "__fish_resolve_using_subcommand init" -l endpoint -d 'URL of the PVE API [default: PVE_ENDPOINT, or one for you to edit]' -r
complete -c resolve -n "__fish_resolve_using_subcommand init" -l ssh-key -d 'Your SSH public key, for the VMs [default: ~/.ssh/id_ed25519.pub, id_ecdsa.pub or id_rsa.pub]' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand init" -l site -d 'Directory of the site' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand init" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c resolve -n "__fish_resolve_using_subcommand init" -s o -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand init" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c resolve -n "__fish_resolve_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l env -d 'Resolve the env envs/NAME.yaml' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l manifest -d 'Resolve the manifest manifests/NAME.yaml' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l manifest-file -d 'Resolve a manifest outside the site' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l vm -d 'Resolve one ad-hoc VM of this name, which no file describes' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l node -l host -d 'Node nodes/NAME.yaml to use' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l deployment -d 'Name of the deployment [default: the name of the env or manifest]' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l parent -d 'Resolve the children of this nested PVE node of the manifest' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l endpoint -d 'URL of the PVE API, such as a tunnel\'s' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l spec-server -d 'URL of the spec server from which the VMs set themselves up, or empty for none' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l preset -d 'Preset to start from' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l image -d 'Image of the boot disk' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l vmid -d 'VM ID [default: the first free ID of the site\'s `vmid_range`]' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l spec -d 'Spec that the VM fetches with its token' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l ip -d 'Address: `dhcp`, or an address with its prefix such as 10.0.0.7/24' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l gateway -d 'Gateway' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l bridge -d 'Bridge or VNet of the first NIC' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l disk -d 'Size of the boot disk in GiB' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l site -d 'Directory of the site' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c resolve -n "__fish_resolve_using_subcommand explain" -s o -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l json -d 'Print JSON'
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l no-secrets -d 'Leave secrets out, so that the document can be shown and compared'
complete -c resolve -n "__fish_resolve_using_subcommand explain" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c resolve -n "__fish_resolve_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c resolve -n "__fish_resolve_using_subcommand check" -l site -d 'Directory of the site' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand check" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c resolve -n "__fish_resolve_using_subcommand check" -s o -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand check" -l strict -d 'Treat warnings as errors'
complete -c resolve -n "__fish_resolve_using_subcommand check" -l no-secrets -d 'Check without secrets.yaml'
complete -c resolve -n "__fish_resolve_using_subcommand check" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c resolve -n "__fish_resolve_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c resolve -n "__fish_resolve_using_subcommand list" -l manifest -d 'Only VMs or tiers of manifests/NAME.yaml' -r
complete -c resolve -n "__fish_resolve_using_subcommand list" -l site -d 'Directory of the site' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand list" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c resolve -n "__fish_resolve_using_subcommand list" -s o -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand list" -l json -d 'Print JSON'
complete -c resolve -n "__fish_resolve_using_subcommand list" -l names -d 'Print names only, one per line'
complete -c resolve -n "__fish_resolve_using_subcommand list" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c resolve -n "__fish_resolve_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c resolve -n "__fish_resolve_using_subcommand ansible-vars" -l posture -d 'Posture to use [default: that of the env, or dev]' -r
complete -c resolve -n "__fish_resolve_using_subcommand ansible-vars" -l env -d 'Env to use' -r
complete -c resolve -n "__fish_resolve_using_subcommand ansible-vars" -l site -d 'Directory of the site' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand ansible-vars" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c resolve -n "__fish_resolve_using_subcommand ansible-vars" -s o -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand ansible-vars" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c resolve -n "__fish_resolve_using_subcommand ansible-vars" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c resolve -n "__fish_resolve_using_subcommand spec" -l site -d 'Directory of the site' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand spec" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c resolve -n "__fish_resolve_using_subcommand spec" -s o -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand spec" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c resolve -n "__fish_resolve_using_subcommand spec" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c resolve -n "__fish_resolve_using_subcommand schema" -l site -d 'Directory of the site' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand schema" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c resolve -n "__fish_resolve_using_subcommand schema" -s o -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand schema" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c resolve -n "__fish_resolve_using_subcommand schema" -s h -l help -d 'Print help (see more with \'--help\')'

# Names that only the site knows.
function __fish_resolve_names
    set -l words (commandline -opc)
    set -l site
    if set -l at (contains -i -- --site $words)
        set site --site $words[(math $at + 1)]
    end
    resolve list $argv[1] --names $site 2>/dev/null
end

complete -c resolve -l env -x -a '(__fish_resolve_names envs)'
complete -c resolve -l manifest -x -a '(__fish_resolve_names manifests)'
complete -c resolve -l node -x -a '(__fish_resolve_names nodes)'
complete -c resolve -l host -x -a '(__fish_resolve_names nodes)'
complete -c resolve -l preset -x -a '(__fish_resolve_names presets)'
complete -c resolve -l spec -x -a '(__fish_resolve_names specs)'
complete -c resolve -l posture -x -a '(__fish_resolve_names postures)'
