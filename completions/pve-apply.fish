# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_pve_apply_global_optspecs
    string join \n log-format= v/verbose output= h/help V/version
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

complete -c pve-apply -n "__fish_pve_apply_needs_command" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c pve-apply -n "__fish_pve_apply_needs_command" -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c pve-apply -n "__fish_pve_apply_needs_command" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -s V -l version -d 'Print version'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "plan" -d 'Show what apply would do; change nothing'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "apply" -d 'Create and change the VMs; a second run changes nothing'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "destroy" -d 'Destroy the document\'s VMs that are ours'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "adopt" -d 'Take over VMs that were created by hand: show what differs, then write only our mark'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "release" -d 'Give up VMs that are ours: remove our mark and tag, and change nothing else'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "export" -d 'Print existing VMs as an env, ready to be adopted; change nothing'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "start" -d 'Start the document\'s VMs that are stopped'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "stop" -d 'Shut down the document\'s VMs that are running'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "reboot" -d 'Reboot the document\'s VMs that are running, which applies pending changes'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "wait" -d 'Wait until the document\'s VMs are ready, and print their addresses'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "status" -d 'List the deployment\'s VMs: power, addresses, drift; change nothing'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "inventory" -d 'Print the VMs as a dynamic inventory for Ansible'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "doctor" -d 'Check everything that apply needs, and name the command that fixes each problem'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "privileges" -d 'Print the commands that create an API token with the privileges it needs'
complete -c pve-apply -n "__fish_pve_apply_needs_command" -f -a "unlock-sdn" -d 'Release the SDN lock of a run that was killed'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l shutdown-timeout -d 'Seconds that a guest has to shut down' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l vm -d 'Use only this VM of the document; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l tag -d 'Use the VMs of the document with this tag, in addition to --vm; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l ca-file -d 'Trust certificates signed by this CA (PEM)' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l fingerprint -d 'Trust the certificate with this fingerprint; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l out -d 'Write the plan to this file, for `apply --plan`' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l allow-reboot -d 'Allow rebooting running VMs whose changes need it'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l allow-stop -d 'Allow shutting down running VMs whose changes need it'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l allow-detach -d 'Allow detaching disks, and NICs of running VMs, that the document no longer has'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l allow-move -d 'Allow moving disks to the storage that the document says'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l allow-migrate -d 'Allow migrating VMs to the node that the YAML gives them'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l pending -d 'Write changes that need a reboot, and leave rebooting to you'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l reseed -d 'Give VMs whose cloud-init data has changed their new data'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l insecure -d 'Trust any certificate, so that whoever answers gets the API token'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l networks-only -d 'Work on the networks only, and leave VMs alone'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l with-pending-sdn -d 'Also apply changes of SDN that others have made and not applied yet'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l prune -d 'Also plan to destroy VMs of this deployment that are no longer in the document'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l json -d 'Print the plan as JSON, which contains the seed data and its tokens'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l detailed-exitcode -d 'Exit with 4 if there are changes; 1 still means that something is blocked'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -l expect-no-changes -d 'Exit with 1 if there are changes'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l shutdown-timeout -d 'Seconds that a guest has to shut down' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l vm -d 'Use only this VM of the document; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l tag -d 'Use the VMs of the document with this tag, in addition to --vm; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l ca-file -d 'Trust certificates signed by this CA (PEM)' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l fingerprint -d 'Trust the certificate with this fingerprint; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l parallelism -d 'Number of VMs to work on at a time; 1 also does the steps of each one by one' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l imports-per-storage -d 'Number of disks to import into one storage at a time' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l task-timeout -d 'Seconds that one task of PVE may take' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l on-error -d 'What to do once a VM has failed' -r -f -a "continue\t'Continue with the other VMs'
stop\t'Start no further step'
rollback\t'Start no further step, and destroy the VMs that this run has created'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l plan -d 'Carry out exactly this plan, written by `plan --out`' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l wait -d 'What to wait for once the VMs run' -r -f -a "none\t'Nothing: done once PVE has started the VM'
agent\t'The guest agent, and the addresses in the document: each fixed one, and one for each NIC with DHCP'
ssh\t'An SSH server at the VM\'s address, which the agent reports if the document does not fix it'
cloud-init\t'cloud-init to finish this boot without an error, and then as `agent`'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l wait-timeout -d 'Seconds to wait for it' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l allow-reboot -d 'Allow rebooting running VMs whose changes need it'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l allow-stop -d 'Allow shutting down running VMs whose changes need it'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l allow-detach -d 'Allow detaching disks, and NICs of running VMs, that the document no longer has'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l allow-move -d 'Allow moving disks to the storage that the document says'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l allow-migrate -d 'Allow migrating VMs to the node that the YAML gives them'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l pending -d 'Write changes that need a reboot, and leave rebooting to you'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l reseed -d 'Give VMs whose cloud-init data has changed their new data'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l insecure -d 'Trust any certificate, so that whoever answers gets the API token'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l networks-only -d 'Work on the networks only, and leave VMs alone'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l with-pending-sdn -d 'Also apply changes of SDN that others have made and not applied yet'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l fail-fast -d 'Begin no further step once a VM has failed'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l prune -d 'Also destroy VMs of this deployment that are no longer in the document'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l yes -d 'Destroy what --prune finds, or found for --plan, without asking, for scripts'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -l skip-blocked -d 'Go on with the other VMs if some are blocked, and exit with 3'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand apply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l vm -d 'Use only this VM of the document; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l tag -d 'Use the VMs of the document with this tag, in addition to --vm; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l ca-file -d 'Trust certificates signed by this CA (PEM)' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l fingerprint -d 'Trust the certificate with this fingerprint; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l parallelism -d 'Number of VMs to work on at a time; 1 also does the steps of each one by one' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l imports-per-storage -d 'Number of disks to import into one storage at a time' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l task-timeout -d 'Seconds that one task of PVE may take' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l vmid -d 'Destroy only the VM with this vmid, which must be ours; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l shutdown-timeout -d 'Seconds that a guest has to shut down before its power is cut' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l insecure -d 'Trust any certificate, so that whoever answers gets the API token'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l networks-only -d 'Work on the networks only, and leave VMs alone'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l with-pending-sdn -d 'Also apply changes of SDN that others have made and not applied yet'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l fail-fast -d 'Begin no further step once a VM has failed'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l yes -d 'Destroy without asking, for scripts'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l prune -d 'Also destroy VMs of this deployment that are no longer in the document'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -l skip-blocked -d 'Go on with the other VMs if some are blocked, and exit with 3'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand destroy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -l vm -d 'Use only this VM of the document; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -l tag -d 'Use the VMs of the document with this tag, in addition to --vm; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -l ca-file -d 'Trust certificates signed by this CA (PEM)' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -l fingerprint -d 'Trust the certificate with this fingerprint; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -l parallelism -d 'Number of VMs to work on at a time; 1 also does the steps of each one by one' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -l imports-per-storage -d 'Number of disks to import into one storage at a time' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -l task-timeout -d 'Seconds that one task of PVE may take' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -l from-site -d 'Also take over VMs of a site of this name, which this site had before' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -l insecure -d 'Trust any certificate, so that whoever answers gets the API token'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -l networks-only -d 'Work on the networks only, and leave VMs alone'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -l with-pending-sdn -d 'Also apply changes of SDN that others have made and not applied yet'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -l fail-fast -d 'Begin no further step once a VM has failed'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -l dry-run -d 'Show what differs, and change nothing'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand adopt" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand release" -l vm -d 'Use only this VM of the document; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand release" -l tag -d 'Use the VMs of the document with this tag, in addition to --vm; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand release" -l ca-file -d 'Trust certificates signed by this CA (PEM)' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand release" -l fingerprint -d 'Trust the certificate with this fingerprint; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand release" -l parallelism -d 'Number of VMs to work on at a time; 1 also does the steps of each one by one' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand release" -l imports-per-storage -d 'Number of disks to import into one storage at a time' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand release" -l task-timeout -d 'Seconds that one task of PVE may take' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand release" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand release" -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand release" -l insecure -d 'Trust any certificate, so that whoever answers gets the API token'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand release" -l fail-fast -d 'Begin no further step once a VM has failed'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand release" -l dry-run -d 'Show what would be removed, and change nothing'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand release" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand release" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand export" -l ca-file -d 'Trust certificates signed by this CA (PEM)' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand export" -l fingerprint -d 'Trust the certificate with this fingerprint; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand export" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand export" -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand export" -l insecure -d 'Trust any certificate, so that whoever answers gets the API token'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand export" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -l vm -d 'Use only this VM of the document; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -l tag -d 'Use the VMs of the document with this tag, in addition to --vm; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -l ca-file -d 'Trust certificates signed by this CA (PEM)' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -l fingerprint -d 'Trust the certificate with this fingerprint; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -l parallelism -d 'Number of VMs to work on at a time; 1 also does the steps of each one by one' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -l imports-per-storage -d 'Number of disks to import into one storage at a time' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -l task-timeout -d 'Seconds that one task of PVE may take' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -l shutdown-timeout -d 'Seconds that a guest has to shut down' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -l insecure -d 'Trust any certificate, so that whoever answers gets the API token'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -l fail-fast -d 'Begin no further step once a VM has failed'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -l force -d 'Cut the power of a guest that does not shut down in time'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -l skip-blocked -d 'Go on with the other VMs if some are blocked, and exit with 3'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand start" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -l vm -d 'Use only this VM of the document; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -l tag -d 'Use the VMs of the document with this tag, in addition to --vm; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -l ca-file -d 'Trust certificates signed by this CA (PEM)' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -l fingerprint -d 'Trust the certificate with this fingerprint; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -l parallelism -d 'Number of VMs to work on at a time; 1 also does the steps of each one by one' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -l imports-per-storage -d 'Number of disks to import into one storage at a time' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -l task-timeout -d 'Seconds that one task of PVE may take' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -l shutdown-timeout -d 'Seconds that a guest has to shut down' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -l insecure -d 'Trust any certificate, so that whoever answers gets the API token'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -l fail-fast -d 'Begin no further step once a VM has failed'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -l force -d 'Cut the power of a guest that does not shut down in time'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -l skip-blocked -d 'Go on with the other VMs if some are blocked, and exit with 3'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand stop" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -l vm -d 'Use only this VM of the document; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -l tag -d 'Use the VMs of the document with this tag, in addition to --vm; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -l ca-file -d 'Trust certificates signed by this CA (PEM)' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -l fingerprint -d 'Trust the certificate with this fingerprint; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -l parallelism -d 'Number of VMs to work on at a time; 1 also does the steps of each one by one' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -l imports-per-storage -d 'Number of disks to import into one storage at a time' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -l task-timeout -d 'Seconds that one task of PVE may take' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -l shutdown-timeout -d 'Seconds that a guest has to shut down' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -l insecure -d 'Trust any certificate, so that whoever answers gets the API token'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -l fail-fast -d 'Begin no further step once a VM has failed'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -l force -d 'Cut the power of a guest that does not shut down in time'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -l skip-blocked -d 'Go on with the other VMs if some are blocked, and exit with 3'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand reboot" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand wait" -l vm -d 'Use only this VM of the document; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand wait" -l tag -d 'Use the VMs of the document with this tag, in addition to --vm; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand wait" -l ca-file -d 'Trust certificates signed by this CA (PEM)' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand wait" -l fingerprint -d 'Trust the certificate with this fingerprint; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand wait" -l for -d 'What to wait for' -r -f -a "none\t'Nothing: done once PVE has started the VM'
agent\t'The guest agent, and the addresses in the document: each fixed one, and one for each NIC with DHCP'
ssh\t'An SSH server at the VM\'s address, which the agent reports if the document does not fix it'
cloud-init\t'cloud-init to finish this boot without an error, and then as `agent`'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand wait" -l timeout -d 'Seconds to wait for it [default: 300; with --pve: 1200]' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand wait" -l site -d 'Site that the files of nested nodes are written to' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand wait" -l pve-endpoint -d 'Address of the API of a nested node, if it is not the one that the guest reports; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand wait" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand wait" -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand wait" -l insecure -d 'Trust any certificate, so that whoever answers gets the API token'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand wait" -l pve -d 'Wait until the document\'s nested PVE nodes can take VMs, and write their files into the site'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand wait" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand wait" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand status" -l vm -d 'Use only this VM of the document; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand status" -l tag -d 'Use the VMs of the document with this tag, in addition to --vm; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand status" -l ca-file -d 'Trust certificates signed by this CA (PEM)' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand status" -l fingerprint -d 'Trust the certificate with this fingerprint; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand status" -s o -l format -d 'Output format' -r -f -a "table\t'A table'
wide\t'A table with MACs and tags, and how each VM differs from a new one in what nobody sets'
json\t'JSON'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand status" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand status" -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand status" -l insecure -d 'Trust any certificate, so that whoever answers gets the API token'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand status" -l json -d 'As `-o json`'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand status" -l wide -d 'As `-o wide`; with `--json`, JSON with the differences'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand status" -l addresses -d 'Ask the guest agent of each running VM for its addresses, once'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand status" -l all -d 'Also list VMs of other deployments'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand status" -l networks-only -d 'List the networks only'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand status" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand inventory" -l vm -d 'Use only this VM of the document; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand inventory" -l tag -d 'Use the VMs of the document with this tag, in addition to --vm; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand inventory" -l ca-file -d 'Trust certificates signed by this CA (PEM)' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand inventory" -l fingerprint -d 'Trust the certificate with this fingerprint; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand inventory" -l host -d 'Print the variables of one host' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand inventory" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand inventory" -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand inventory" -l insecure -d 'Trust any certificate, so that whoever answers gets the API token'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand inventory" -l list -d 'Print the whole inventory [default]'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand inventory" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand inventory" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand doctor" -l vm -d 'Use only this VM of the document; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand doctor" -l tag -d 'Use the VMs of the document with this tag, in addition to --vm; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand doctor" -l ca-file -d 'Trust certificates signed by this CA (PEM)' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand doctor" -l fingerprint -d 'Trust the certificate with this fingerprint; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand doctor" -l wait -d 'Also check what `apply --wait` needs for this' -r -f -a "none\t'Nothing: done once PVE has started the VM'
agent\t'The guest agent, and the addresses in the document: each fixed one, and one for each NIC with DHCP'
ssh\t'An SSH server at the VM\'s address, which the agent reports if the document does not fix it'
cloud-init\t'cloud-init to finish this boot without an error, and then as `agent`'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand doctor" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand doctor" -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand doctor" -l insecure -d 'Trust any certificate, so that whoever answers gets the API token'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand doctor" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand privileges" -l wait -d 'Also print what `apply --wait` needs for this' -r -f -a "none\t'Nothing: done once PVE has started the VM'
agent\t'The guest agent, and the addresses in the document: each fixed one, and one for each NIC with DHCP'
ssh\t'An SSH server at the VM\'s address, which the agent reports if the document does not fix it'
cloud-init\t'cloud-init to finish this boot without an error, and then as `agent`'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand privileges" -l user -d 'User that the token belongs to [default: that of the document\'s `api_token`, or iac@pve]' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand privileges" -l token -d 'Name of the token [default: that of the document\'s `api_token`, or pipeline]' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand privileges" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand privileges" -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand privileges" -l document -d 'Read a document on stdin, and print what its VMs need and no more'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand privileges" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand privileges" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand unlock-sdn" -l ca-file -d 'Trust certificates signed by this CA (PEM)' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand unlock-sdn" -l fingerprint -d 'Trust the certificate with this fingerprint; repeatable' -r
complete -c pve-apply -n "__fish_pve_apply_using_subcommand unlock-sdn" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c pve-apply -n "__fish_pve_apply_using_subcommand unlock-sdn" -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c pve-apply -n "__fish_pve_apply_using_subcommand unlock-sdn" -l force -d 'Break the lock, whoever holds it'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand unlock-sdn" -l yes -d 'Break the lock without asking, for scripts'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand unlock-sdn" -l insecure -d 'Trust any certificate, so that whoever answers gets the API token'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand unlock-sdn" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c pve-apply -n "__fish_pve_apply_using_subcommand unlock-sdn" -s h -l help -d 'Print help (see more with \'--help\')'

# Names that only the site knows.
function __fish_pve_apply_names
    set -l words (commandline -opc)
    set -l site
    if set -l at (contains -i -- --site $words)
        set site --site $words[(math $at + 1)]
    end
    resolve list $argv[1] --names $site 2>/dev/null
end

complete -c pve-apply -l host -x -a '(__fish_pve_apply_names nodes)'
complete -c pve-apply -l vm -x -a '(__fish_pve_apply_names vms)'
