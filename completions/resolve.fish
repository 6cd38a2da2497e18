# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_resolve_global_optspecs
    string join \n env= manifest= manifest-file= vm= node= deployment= parent= endpoint= no-secrets preset= image= vmid= spec= ip= gateway= bridge= disk= site= log-format= v/verbose o/output= h/help V/version
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

complete -c resolve -n "__fish_resolve_needs_command" -l env -d 'The env: envs/NAME.yaml' -r
complete -c resolve -n "__fish_resolve_needs_command" -l manifest -d 'The manifest: manifests/NAME.yaml' -r
complete -c resolve -n "__fish_resolve_needs_command" -l manifest-file -d 'A manifest outside the site' -r
complete -c resolve -n "__fish_resolve_needs_command" -l vm -d 'One VM that no file describes' -r
complete -c resolve -n "__fish_resolve_needs_command" -l node -l host -d 'The node: nodes/NAME.yaml. Not needed when there is only one, or when the env or manifest names its `node`' -r
complete -c resolve -n "__fish_resolve_needs_command" -l deployment -d 'The deployment\'s name, so that one env or manifest can exist twice [default: the name of the env or manifest]' -r
complete -c resolve -n "__fish_resolve_needs_command" -l parent -d 'The children of this nested PVE node of the manifest, for a pipe that runs against it' -r
complete -c resolve -n "__fish_resolve_needs_command" -l endpoint -d 'The PVE API, instead of the node\'s `api_endpoint`; for a tunnel' -r
complete -c resolve -n "__fish_resolve_needs_command" -l preset -d 'The preset that it begins with' -r
complete -c resolve -n "__fish_resolve_needs_command" -l image -d 'Its image' -r
complete -c resolve -n "__fish_resolve_needs_command" -l vmid -d 'Its vmid; absent: the first free one of `vmid_range`' -r
complete -c resolve -n "__fish_resolve_needs_command" -l spec -d 'Its spec' -r
complete -c resolve -n "__fish_resolve_needs_command" -l ip -d 'Its address: dhcp or CIDR' -r
complete -c resolve -n "__fish_resolve_needs_command" -l gateway -d 'Its gateway' -r
complete -c resolve -n "__fish_resolve_needs_command" -l bridge -d 'Its bridge' -r
complete -c resolve -n "__fish_resolve_needs_command" -l disk -d 'Its boot disk in GiB' -r
complete -c resolve -n "__fish_resolve_needs_command" -l site -d 'The site\'s folder' -r -F
complete -c resolve -n "__fish_resolve_needs_command" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c resolve -n "__fish_resolve_needs_command" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c resolve -n "__fish_resolve_needs_command" -l no-secrets -d 'Leave secrets out, so that the document can be shown and compared'
complete -c resolve -n "__fish_resolve_needs_command" -s v -l verbose -d 'Show each request: method, path, status, time; never a body'
complete -c resolve -n "__fish_resolve_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c resolve -n "__fish_resolve_needs_command" -s V -l version -d 'Print version'
complete -c resolve -n "__fish_resolve_needs_command" -f -a "init" -d 'Write a new site with one VM: four files that you then edit'
complete -c resolve -n "__fish_resolve_needs_command" -f -a "explain" -d 'Say where each value of a VM comes from, or of the document\'s head'
complete -c resolve -n "__fish_resolve_needs_command" -f -a "check" -d 'Check the whole site: each file, and each env and manifest on each node'
complete -c resolve -n "__fish_resolve_needs_command" -f -a "list" -d 'Show what the site holds'
complete -c resolve -n "__fish_resolve_needs_command" -f -a "ansible-vars" -d 'Print the variables for ansible'
complete -c resolve -n "__fish_resolve_needs_command" -f -a "spec" -d 'Print a spec with its references resolved'
complete -c resolve -n "__fish_resolve_needs_command" -f -a "schema" -d 'Print the JSON Schema of a kind of files, for editors'
complete -c resolve -n "__fish_resolve_using_subcommand init" -l node -d 'Name of the PVE node [default: PVE_NODE, else pve1]' -r
complete -c resolve -n "__fish_resolve_using_subcommand init" -l endpoint -d 'Base URL of the PVE API [default: PVE_ENDPOINT, else one for you to edit]' -r
complete -c resolve -n "__fish_resolve_using_subcommand init" -l ssh-key -d 'Your SSH public key, for the VMs [default: ~/.ssh/id_ed25519.pub]' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand init" -l site -d 'The site\'s folder' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand init" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c resolve -n "__fish_resolve_using_subcommand init" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand init" -s v -l verbose -d 'Show each request: method, path, status, time; never a body'
complete -c resolve -n "__fish_resolve_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l env -d 'The env: envs/NAME.yaml' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l manifest -d 'The manifest: manifests/NAME.yaml' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l manifest-file -d 'A manifest outside the site' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l vm -d 'One VM that no file describes' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l node -l host -d 'The node: nodes/NAME.yaml. Not needed when there is only one, or when the env or manifest names its `node`' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l deployment -d 'The deployment\'s name, so that one env or manifest can exist twice [default: the name of the env or manifest]' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l parent -d 'The children of this nested PVE node of the manifest, for a pipe that runs against it' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l endpoint -d 'The PVE API, instead of the node\'s `api_endpoint`; for a tunnel' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l preset -d 'The preset that it begins with' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l image -d 'Its image' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l vmid -d 'Its vmid; absent: the first free one of `vmid_range`' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l spec -d 'Its spec' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l ip -d 'Its address: dhcp or CIDR' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l gateway -d 'Its gateway' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l bridge -d 'Its bridge' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l disk -d 'Its boot disk in GiB' -r
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l site -d 'The site\'s folder' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c resolve -n "__fish_resolve_using_subcommand explain" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l json -d 'As JSON'
complete -c resolve -n "__fish_resolve_using_subcommand explain" -l no-secrets -d 'Leave secrets out, so that the document can be shown and compared'
complete -c resolve -n "__fish_resolve_using_subcommand explain" -s v -l verbose -d 'Show each request: method, path, status, time; never a body'
complete -c resolve -n "__fish_resolve_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c resolve -n "__fish_resolve_using_subcommand check" -l site -d 'The site\'s folder' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand check" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c resolve -n "__fish_resolve_using_subcommand check" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand check" -l no-secrets -d 'Leave secrets.yaml alone'
complete -c resolve -n "__fish_resolve_using_subcommand check" -s v -l verbose -d 'Show each request: method, path, status, time; never a body'
complete -c resolve -n "__fish_resolve_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c resolve -n "__fish_resolve_using_subcommand list" -l site -d 'The site\'s folder' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand list" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c resolve -n "__fish_resolve_using_subcommand list" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand list" -l json -d 'As JSON'
complete -c resolve -n "__fish_resolve_using_subcommand list" -s v -l verbose -d 'Show each request: method, path, status, time; never a body'
complete -c resolve -n "__fish_resolve_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c resolve -n "__fish_resolve_using_subcommand ansible-vars" -l posture -d 'The posture; absent: that of the env, or dev' -r
complete -c resolve -n "__fish_resolve_using_subcommand ansible-vars" -l env -d 'The env' -r
complete -c resolve -n "__fish_resolve_using_subcommand ansible-vars" -l site -d 'The site\'s folder' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand ansible-vars" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c resolve -n "__fish_resolve_using_subcommand ansible-vars" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand ansible-vars" -s v -l verbose -d 'Show each request: method, path, status, time; never a body'
complete -c resolve -n "__fish_resolve_using_subcommand ansible-vars" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c resolve -n "__fish_resolve_using_subcommand spec" -l site -d 'The site\'s folder' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand spec" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c resolve -n "__fish_resolve_using_subcommand spec" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand spec" -s v -l verbose -d 'Show each request: method, path, status, time; never a body'
complete -c resolve -n "__fish_resolve_using_subcommand spec" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c resolve -n "__fish_resolve_using_subcommand schema" -l site -d 'The site\'s folder' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand schema" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c resolve -n "__fish_resolve_using_subcommand schema" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c resolve -n "__fish_resolve_using_subcommand schema" -s v -l verbose -d 'Show each request: method, path, status, time; never a body'
complete -c resolve -n "__fish_resolve_using_subcommand schema" -s h -l help -d 'Print help (see more with \'--help\')'
