complete -c cloudinit-render -l fragment -d 'Add what this YAML file says to the document\'s `cloud_init`; may be repeated' -r -F
complete -c cloudinit-render -l vm -d 'The VM that --part, --seed-dir or --seed-image is for' -r
complete -c cloudinit-render -l part -d 'Print this part of one VM instead of the document' -r -f -a "user-data\t'What the VM makes of itself; holds secrets'
vendor-data\t'What somebody has written by hand, below user-data; may be nothing, may hold secrets'
meta-data\t'instance-id and host name'
network-config\t'Version 2'"
complete -c cloudinit-render -l seed-dir -d 'Write the parts to DIR/NAME/ for each VM, or the one named, and print nothing' -r -F
complete -c cloudinit-render -l seed-image -d 'Write the NoCloud seed image of one VM (ISO 9660, label cidata), and print nothing; `-` is stdout' -r -F
complete -c cloudinit-render -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c cloudinit-render -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c cloudinit-render -s v -l verbose -d 'Show each request: method, path, status, time; twice: its parameters too, without secrets'
complete -c cloudinit-render -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cloudinit-render -s V -l version -d 'Print version'
