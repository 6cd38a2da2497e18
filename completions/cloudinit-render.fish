complete -c cloudinit-render -l fragment -d 'Add this YAML file to the document\'s `cloud_init`; repeatable' -r -F
complete -c cloudinit-render -l vm -d 'VM to export with --part, --seed-dir or --seed-image' -r
complete -c cloudinit-render -l part -d 'Print this part of one VM' -r -f -a "user-data\t'What the VM makes of itself; contains secrets'
vendor-data\t'Hand-written data that user-data overrides; may be empty, may contain secrets'
meta-data\t'Instance ID and host name'
network-config\t'Network configuration, version 2'"
complete -c cloudinit-render -l seed-dir -d 'Write the parts to DIR/NAME/ for each VM, and print nothing' -r -F
complete -c cloudinit-render -l seed-image -d 'Write the NoCloud seed image of one VM to this file, and print nothing' -r -F
complete -c cloudinit-render -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c cloudinit-render -s o -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c cloudinit-render -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c cloudinit-render -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cloudinit-render -s V -l version -d 'Print version'

# Names that only the site knows.
function __fish_cloudinit_render_names
    set -l words (commandline -opc)
    set -l site
    if set -l at (contains -i -- --site $words)
        set site --site $words[(math $at + 1)]
    end
    resolve list $argv[1] --names $site 2>/dev/null
end

complete -c cloudinit-render -l vm -x -a '(__fish_cloudinit_render_names vms)'
