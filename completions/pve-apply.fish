# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_pve_apply_global_optspecs
    string join \n log-format= v/verbose o/output= h/help V/version
end

function __fish_pve_apply_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_pve_apply_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_pve_apply_using_subcommand
    set -l cmd (__fish_pve_apply_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c pve-apply -n "__fish_pve_apply_needs_command" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c pve-apply -n "__fish_pve_apply_needs_command" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c pve-apply -n "__fish_pve_apply_needs_command" -s v -l verbose -d 'Show each request: method, path, status, time; twice: its parameters too, without secrets'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -s V -l version -d 'Print version'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "plan" -d 'Show what apply would do; change nothing'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "apply" -d 'Make and change the VMs; a second run changes nothing'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "destroy" -d 'Destroy the document\'s VMs that are ours'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "adopt" -d 'Take over VMs that were made by hand: show what differs, then write only our mark'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "release" -d 'Give up VMs that are ours: remove our mark and our tag, and change nothing else'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "export" -d 'Print VMs that are there as an env, to be adopted; change nothing'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "start" -d 'Start those of the document\'s VMs that do not run'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "stop" -d 'Shut down those of the document\'s VMs that run'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "reboot" -d 'Reboot those of the document\'s VMs that run, which brings pending values into force'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "wait" -d 'Wait until the document\'s VMs answer, and print their addresses'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "status" -d 'List our VMs across the cluster: power, drift, addresses; change nothing'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "doctor" -d 'Check all that apply needs, and name the command that mends each finding; change nothing'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "privileges" -d 'Print the commands that give an API token what it needs'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l shutdown-timeout -d 'How long a guest has to shut down' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l ca-file -d 'Believe certificates signed by the CA in this PEM file (a node has it at /etc/pve/pve-root-ca.pem)' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l fingerprint -d 'Believe the certificate with this SHA-256 fingerprint, as PVE shows it; may be repeated' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l vm -d 'Only this VM of the document; may be repeated' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l out -d 'Write the plan as JSON to a file that only you can read, for `apply --plan`; `-` is stdout' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l allow-reboot -d 'Reboot running VMs whose changes need it'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l allow-stop -d 'Shut down running VMs whose changes need it, and cut their power when they do not listen'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l allow-detach -d 'Take disks, and NICs of running VMs, off the VM once nothing says them any more; a disk stays as an unused one, with its data'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l allow-move -d 'Move disks to the storage that the YAML says'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l pending -d 'Write changes that need a reboot, and leave the reboot to you'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l reseed -d 'Give VMs whose cloud-init data has changed the new data'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l insecure -d 'Believe any certificate: whoever answers gets the API token'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l json -d 'Print the plan as JSON instead of text; it contains the seed data, and so the tokens in it'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l detailed-exitcode -d 'Exit with 4 when there are changes; 1 still means that something is blocked'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l expect-no-changes -d 'Exit with 1 when there are changes'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -s v -l verbose -d 'Show each request: method, path, status, time; twice: its parameters too, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l shutdown-timeout -d 'How long a guest has to shut down' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l ca-file -d 'Believe certificates signed by the CA in this PEM file (a node has it at /etc/pve/pve-root-ca.pem)' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l fingerprint -d 'Believe the certificate with this SHA-256 fingerprint, as PVE shows it; may be repeated' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l vm -d 'Only this VM of the document; may be repeated' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l parallelism -d 'How many VMs are worked on at a time' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l imports-per-storage -d 'How many disks are imported into one storage at a time' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l task-timeout -d 'How long one task of PVE may take' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l on-error -d 'What happens once a VM has failed: go on with the others, begin no further step, or also destroy the VMs that this run has made; absent: what the document\'s `on_error` says, else continue' -r -f -a "continue\t'The others go on'
stop\t'No further step is begun'
rollback\t'No further step is begun, and the VMs that this run has made are destroyed'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l plan -d 'Carry out exactly this plan, written by `plan --out`' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l wait -d 'What to wait for once the VMs run' -r -f -a "none\t'Nothing: done when PVE has started the VM'
agent\t'The guest agent, and from it the addresses that the document says: each fixed one, and one for each NIC with DHCP'
ssh\t'An SSH server at the VM\'s address; the agent tells the address where the document does not fix it'
cloud-init\t'The end of cloud-init\'s work at this boot, without an error, and then as `agent`'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l wait-timeout -d 'How long to wait for it' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l allow-reboot -d 'Reboot running VMs whose changes need it'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l allow-stop -d 'Shut down running VMs whose changes need it, and cut their power when they do not listen'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l allow-detach -d 'Take disks, and NICs of running VMs, off the VM once nothing says them any more; a disk stays as an unused one, with its data'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l allow-move -d 'Move disks to the storage that the YAML says'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l pending -d 'Write changes that need a reboot, and leave the reboot to you'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l reseed -d 'Give VMs whose cloud-init data has changed the new data'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l insecure -d 'Believe any certificate: whoever answers gets the API token'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l fail-fast -d 'Begin no further step once a VM has failed'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l prune -d 'Also destroy the VMs of this deployment that left the document'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l yes -d 'Destroy what --prune finds without asking, for scripts'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l skip-blocked -d 'Do what can be done when something about other VMs is blocked, and exit with 3'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -s v -l verbose -d 'Show each request: method, path, status, time; twice: its parameters too, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l ca-file -d 'Believe certificates signed by the CA in this PEM file (a node has it at /etc/pve/pve-root-ca.pem)' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l fingerprint -d 'Believe the certificate with this SHA-256 fingerprint, as PVE shows it; may be repeated' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l vm -d 'Only this VM of the document; may be repeated' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l parallelism -d 'How many VMs are worked on at a time' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l imports-per-storage -d 'How many disks are imported into one storage at a time' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l task-timeout -d 'How long one task of PVE may take' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l vmid -d 'Only the VM with this vmid, which must be ours: it chooses between VMs of one name; may be repeated' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l shutdown-timeout -d 'How long a guest has to shut down before its power is cut' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l insecure -d 'Believe any certificate: whoever answers gets the API token'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l fail-fast -d 'Begin no further step once a VM has failed'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l yes -d 'Destroy without asking, for scripts'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l prune -d 'Also destroy the VMs of this deployment that left the document'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l skip-blocked -d 'Destroy the others when something about a VM is blocked, and exit with 3'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -s v -l verbose -d 'Show each request: method, path, status, time; twice: its parameters too, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -l ca-file -d 'Believe certificates signed by the CA in this PEM file (a node has it at /etc/pve/pve-root-ca.pem)' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -l fingerprint -d 'Believe the certificate with this SHA-256 fingerprint, as PVE shows it; may be repeated' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -l vm -d 'Only this VM of the document; may be repeated' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -l parallelism -d 'How many VMs are worked on at a time' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -l imports-per-storage -d 'How many disks are imported into one storage at a time' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -l task-timeout -d 'How long one task of PVE may take' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -l from-site -d 'Take over VMs of a site of this name too: the name that this site had before' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -l insecure -d 'Believe any certificate: whoever answers gets the API token'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -l fail-fast -d 'Begin no further step once a VM has failed'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -l dry-run -d 'Only show what differs'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -s v -l verbose -d 'Show each request: method, path, status, time; twice: its parameters too, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand release" -l ca-file -d 'Believe certificates signed by the CA in this PEM file (a node has it at /etc/pve/pve-root-ca.pem)' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand release" -l fingerprint -d 'Believe the certificate with this SHA-256 fingerprint, as PVE shows it; may be repeated' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand release" -l vm -d 'Only this VM of the document; may be repeated' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand release" -l parallelism -d 'How many VMs are worked on at a time' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand release" -l imports-per-storage -d 'How many disks are imported into one storage at a time' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand release" -l task-timeout -d 'How long one task of PVE may take' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand release" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand release" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand release" -l insecure -d 'Believe any certificate: whoever answers gets the API token'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand release" -l fail-fast -d 'Begin no further step once a VM has failed'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand release" -l dry-run -d 'Only show what would be removed'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand release" -s v -l verbose -d 'Show each request: method, path, status, time; twice: its parameters too, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand release" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand export" -l ca-file -d 'Believe certificates signed by the CA in this PEM file (a node has it at /etc/pve/pve-root-ca.pem)' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand export" -l fingerprint -d 'Believe the certificate with this SHA-256 fingerprint, as PVE shows it; may be repeated' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand export" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand export" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand export" -l insecure -d 'Believe any certificate: whoever answers gets the API token'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand export" -s v -l verbose -d 'Show each request: method, path, status, time; twice: its parameters too, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -l ca-file -d 'Believe certificates signed by the CA in this PEM file (a node has it at /etc/pve/pve-root-ca.pem)' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -l fingerprint -d 'Believe the certificate with this SHA-256 fingerprint, as PVE shows it; may be repeated' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -l vm -d 'Only this VM of the document; may be repeated' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -l parallelism -d 'How many VMs are worked on at a time' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -l imports-per-storage -d 'How many disks are imported into one storage at a time' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -l task-timeout -d 'How long one task of PVE may take' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -l shutdown-timeout -d 'How long a guest has to shut down' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -l insecure -d 'Believe any certificate: whoever answers gets the API token'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -l fail-fast -d 'Begin no further step once a VM has failed'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -l force -d 'Cut the power of a guest that does not listen'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -l skip-blocked -d 'Do the others when something about a VM is blocked, and exit with 3'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -s v -l verbose -d 'Show each request: method, path, status, time; twice: its parameters too, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -l ca-file -d 'Believe certificates signed by the CA in this PEM file (a node has it at /etc/pve/pve-root-ca.pem)' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -l fingerprint -d 'Believe the certificate with this SHA-256 fingerprint, as PVE shows it; may be repeated' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -l vm -d 'Only this VM of the document; may be repeated' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -l parallelism -d 'How many VMs are worked on at a time' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -l imports-per-storage -d 'How many disks are imported into one storage at a time' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -l task-timeout -d 'How long one task of PVE may take' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -l shutdown-timeout -d 'How long a guest has to shut down' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -l insecure -d 'Believe any certificate: whoever answers gets the API token'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -l fail-fast -d 'Begin no further step once a VM has failed'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -l force -d 'Cut the power of a guest that does not listen'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -l skip-blocked -d 'Do the others when something about a VM is blocked, and exit with 3'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -s v -l verbose -d 'Show each request: method, path, status, time; twice: its parameters too, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -l ca-file -d 'Believe certificates signed by the CA in this PEM file (a node has it at /etc/pve/pve-root-ca.pem)' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -l fingerprint -d 'Believe the certificate with this SHA-256 fingerprint, as PVE shows it; may be repeated' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -l vm -d 'Only this VM of the document; may be repeated' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -l parallelism -d 'How many VMs are worked on at a time' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -l imports-per-storage -d 'How many disks are imported into one storage at a time' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -l task-timeout -d 'How long one task of PVE may take' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -l shutdown-timeout -d 'How long a guest has to shut down' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -l insecure -d 'Believe any certificate: whoever answers gets the API token'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -l fail-fast -d 'Begin no further step once a VM has failed'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -l force -d 'Cut the power of a guest that does not listen'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -l skip-blocked -d 'Do the others when something about a VM is blocked, and exit with 3'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -s v -l verbose -d 'Show each request: method, path, status, time; twice: its parameters too, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand wait" -l ca-file -d 'Believe certificates signed by the CA in this PEM file (a node has it at /etc/pve/pve-root-ca.pem)' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand wait" -l fingerprint -d 'Believe the certificate with this SHA-256 fingerprint, as PVE shows it; may be repeated' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand wait" -l vm -d 'Only this VM of the document; may be repeated' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand wait" -l for -d 'What to wait for' -r -f -a "none\t'Nothing: done when PVE has started the VM'
agent\t'The guest agent, and from it the addresses that the document says: each fixed one, and one for each NIC with DHCP'
ssh\t'An SSH server at the VM\'s address; the agent tells the address where the document does not fix it'
cloud-init\t'The end of cloud-init\'s work at this boot, without an error, and then as `agent`'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand wait" -l timeout -d 'How long to wait for it' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand wait" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand wait" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand wait" -l insecure -d 'Believe any certificate: whoever answers gets the API token'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand wait" -s v -l verbose -d 'Show each request: method, path, status, time; twice: its parameters too, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand wait" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand status" -l ca-file -d 'Believe certificates signed by the CA in this PEM file (a node has it at /etc/pve/pve-root-ca.pem)' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand status" -l fingerprint -d 'Believe the certificate with this SHA-256 fingerprint, as PVE shows it; may be repeated' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand status" -l vm -d 'Only this VM of the document; may be repeated' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand status" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand status" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand status" -l insecure -d 'Believe any certificate: whoever answers gets the API token'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand status" -l json -d 'Print JSON'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand status" -l addresses -d 'Ask each running VM\'s guest agent for its addresses, once'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand status" -l wide -d 'Also list how each VM differs from a new one in what nobody says, and so is left alone'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand status" -l all -d 'VMs of other deployments too'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand status" -s v -l verbose -d 'Show each request: method, path, status, time; twice: its parameters too, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand doctor" -l ca-file -d 'Believe certificates signed by the CA in this PEM file (a node has it at /etc/pve/pve-root-ca.pem)' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand doctor" -l fingerprint -d 'Believe the certificate with this SHA-256 fingerprint, as PVE shows it; may be repeated' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand doctor" -l vm -d 'Only this VM of the document; may be repeated' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand doctor" -l wait -d 'Also check what `apply` needs to wait for this' -r -f -a "none\t'Nothing: done when PVE has started the VM'
agent\t'The guest agent, and from it the addresses that the document says: each fixed one, and one for each NIC with DHCP'
ssh\t'An SSH server at the VM\'s address; the agent tells the address where the document does not fix it'
cloud-init\t'The end of cloud-init\'s work at this boot, without an error, and then as `agent`'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand doctor" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand doctor" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand doctor" -l insecure -d 'Believe any certificate: whoever answers gets the API token'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand doctor" -s v -l verbose -d 'Show each request: method, path, status, time; twice: its parameters too, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand privileges" -l wait -d 'Also what `apply` needs to wait for this' -r -f -a "none\t'Nothing: done when PVE has started the VM'
agent\t'The guest agent, and from it the addresses that the document says: each fixed one, and one for each NIC with DHCP'
ssh\t'An SSH server at the VM\'s address; the agent tells the address where the document does not fix it'
cloud-init\t'The end of cloud-init\'s work at this boot, without an error, and then as `agent`'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand privileges" -l user -d 'The user that the token belongs to' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand privileges" -l token -d 'The token\'s name' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand privileges" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand privileges" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand privileges" -l document -d 'Read the document on stdin, and print what its VMs need and no more'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand privileges" -s v -l verbose -d 'Show each request: method, path, status, time; twice: its parameters too, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand privileges" -s h -l help -d 'Print help (see more with \'--help\')'
