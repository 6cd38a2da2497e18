# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_image_publish_global_optspecs
    string join \n image-dir= cache-dir= compress retries= local-dir= dry-run ca-file= fingerprint= insecure refresh= log-format= v/verbose o/output= h/help V/version
end

function __fish_image_publish_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_image_publish_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_image_publish_using_subcommand
    set -l cmd (__fish_image_publish_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c image-publish -n "__fish_image_publish_needs_command" -l image-dir -d 'Where an image without a source lies: DIR/NAME/NAME.qcow2, with NAME.qcow2.sha256 beside it' -r -F
complete -c image-publish -n "__fish_image_publish_needs_command" -l cache-dir -d 'Where it is kept what is known of images, and where fetched files go [default: ~/.cache/pve-pipeline]' -r -F
complete -c image-publish -n "__fish_image_publish_needs_command" -l retries -d 'How often a lost connection, or a server that is busy, is tried again' -r
complete -c image-publish -n "__fish_image_publish_needs_command" -l local-dir -d 'On a PVE host itself: write into the storage\'s folder, as /var/lib/vz, instead of asking the API' -r -F
complete -c image-publish -n "__fish_image_publish_needs_command" -l ca-file -d 'Believe certificates signed by the CA in this PEM file (a node has it at /etc/pve/pve-root-ca.pem)' -r -F
complete -c image-publish -n "__fish_image_publish_needs_command" -l fingerprint -d 'Believe the certificate with this SHA-256 fingerprint, as PVE shows it; may be repeated' -r
complete -c image-publish -n "__fish_image_publish_needs_command" -l refresh -d 'When to fetch checksum lists from web servers' -r -f -a "missing\t'Fetch a list only when no image with the last known checksum is on the storage; if its server does not answer, use the last known checksum'
always\t'Fetch each list in each run; a server that does not answer is an error'
never\t'Fetch none; use known checksums only'"
complete -c image-publish -n "__fish_image_publish_needs_command" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c image-publish -n "__fish_image_publish_needs_command" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c image-publish -n "__fish_image_publish_needs_command" -l compress -d 'Let qemu-img, when it is installed, compress local images first'
complete -c image-publish -n "__fish_image_publish_needs_command" -l dry-run -d 'Read, check and say what would be done; write nothing to PVE'
complete -c image-publish -n "__fish_image_publish_needs_command" -l insecure -d 'Believe any certificate: whoever answers gets the API token'
complete -c image-publish -n "__fish_image_publish_needs_command" -s v -l verbose -d 'Show each request: method, path, status, time; twice: its parameters too, without secrets'
complete -c image-publish -n "__fish_image_publish_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c image-publish -n "__fish_image_publish_needs_command" -s V -l version -d 'Print version'
complete -c image-publish -n "__fish_image_publish_needs_command" -f -a "publish" -d 'Publish files or URLs'
complete -c image-publish -n "__fish_image_publish_needs_command" -f -a "list" -d 'List the images on the storage'
complete -c image-publish -n "__fish_image_publish_needs_command" -f -a "verify" -d 'Compare the document\'s images on the storage with their sums'
complete -c image-publish -n "__fish_image_publish_needs_command" -f -a "remove" -d 'Remove images: volids, or names with all their versions'
complete -c image-publish -n "__fish_image_publish_needs_command" -f -a "prune" -d 'Remove old versions that the document\'s VMs no longer name'
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l name -d 'The image\'s name, when there is one file [default: the file\'s name without its endings]' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l checksum -d 'The sum that the one file must have: sha256:HEX or sha512:HEX' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l content -d 'The content type' -r -f -a "import\t'PVE can make disks from it'
iso\t'For a CD drive only: PVE makes no disk from it'"
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l refresh -d 'When to fetch checksum lists from web servers' -r -f -a "missing\t'Fetch a list only when no image with the last known checksum is on the storage; if its server does not answer, use the last known checksum'
always\t'Fetch each list in each run; a server that does not answer is an error'
never\t'Fetch none; use known checksums only'"
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l image-dir -d 'Where an image without a source lies: DIR/NAME/NAME.qcow2, with NAME.qcow2.sha256 beside it' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l cache-dir -d 'Where it is kept what is known of images, and where fetched files go [default: ~/.cache/pve-pipeline]' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l retries -d 'How often a lost connection, or a server that is busy, is tried again' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l local-dir -d 'On a PVE host itself: write into the storage\'s folder, as /var/lib/vz, instead of asking the API' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l endpoint -d 'Base URL of the PVE API; stdin is then not read [env: PVE_ENDPOINT]' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l node -d 'Node to work on [env: PVE_NODE]' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l token-file -d 'File that holds the API token [default: the token in PVE_API_TOKEN]' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l storage -d 'Storage to work on [default: the document\'s image_datastore, or local]' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l ca-file -d 'Believe certificates signed by the CA in this PEM file (a node has it at /etc/pve/pve-root-ca.pem)' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l fingerprint -d 'Believe the certificate with this SHA-256 fingerprint, as PVE shows it; may be repeated' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l json -d 'Print the result as JSON'
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l compress -d 'Let qemu-img, when it is installed, compress local images first'
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l dry-run -d 'Read, check and say what would be done; write nothing to PVE'
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l insecure -d 'Believe any certificate: whoever answers gets the API token'
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -s v -l verbose -d 'Show each request: method, path, status, time; twice: its parameters too, without secrets'
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -l local-dir -d 'Read the storage\'s folder instead of asking the API' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -l endpoint -d 'Base URL of the PVE API; stdin is then not read [env: PVE_ENDPOINT]' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -l node -d 'Node to work on [env: PVE_NODE]' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -l token-file -d 'File that holds the API token [default: the token in PVE_API_TOKEN]' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -l storage -d 'Storage to work on [default: the document\'s image_datastore, or local]' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -l ca-file -d 'Believe certificates signed by the CA in this PEM file (a node has it at /etc/pve/pve-root-ca.pem)' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -l fingerprint -d 'Believe the certificate with this SHA-256 fingerprint, as PVE shows it; may be repeated' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -l json -d 'Print the result as JSON'
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -l dry-run -d 'As with the other commands; `list` writes nothing anyway'
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -l insecure -d 'Believe any certificate: whoever answers gets the API token'
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -s v -l verbose -d 'Show each request: method, path, status, time; twice: its parameters too, without secrets'
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -l refresh -d 'When to fetch checksum lists from web servers' -r -f -a "missing\t'Fetch a list only when no image with the last known checksum is on the storage; if its server does not answer, use the last known checksum'
always\t'Fetch each list in each run; a server that does not answer is an error'
never\t'Fetch none; use known checksums only'"
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -l image-dir -d 'Where an image without a source lies: DIR/NAME/NAME.qcow2, with NAME.qcow2.sha256 beside it' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -l cache-dir -d 'Where it is kept what is known of images, and where fetched files go [default: ~/.cache/pve-pipeline]' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -l retries -d 'How often a lost connection, or a server that is busy, is tried again' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -l local-dir -d 'On a PVE host itself: write into the storage\'s folder, as /var/lib/vz, instead of asking the API' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -l ca-file -d 'Believe certificates signed by the CA in this PEM file (a node has it at /etc/pve/pve-root-ca.pem)' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -l fingerprint -d 'Believe the certificate with this SHA-256 fingerprint, as PVE shows it; may be repeated' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -l json -d 'Print the result as JSON'
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -l compress -d 'Let qemu-img, when it is installed, compress local images first'
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -l dry-run -d 'Read, check and say what would be done; write nothing to PVE'
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -l insecure -d 'Believe any certificate: whoever answers gets the API token'
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -s v -l verbose -d 'Show each request: method, path, status, time; twice: its parameters too, without secrets'
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -l local-dir -d 'On a PVE host itself: write into the storage\'s folder, as /var/lib/vz, instead of asking the API' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -l endpoint -d 'Base URL of the PVE API; stdin is then not read [env: PVE_ENDPOINT]' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -l node -d 'Node to work on [env: PVE_NODE]' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -l token-file -d 'File that holds the API token [default: the token in PVE_API_TOKEN]' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -l storage -d 'Storage to work on [default: the document\'s image_datastore, or local]' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -l ca-file -d 'Believe certificates signed by the CA in this PEM file (a node has it at /etc/pve/pve-root-ca.pem)' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -l fingerprint -d 'Believe the certificate with this SHA-256 fingerprint, as PVE shows it; may be repeated' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -l force -d 'Remove also what the document\'s VMs name'
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -l json -d 'Print the result as JSON'
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -l dry-run -d 'Read, check and say what would be done; write nothing to PVE'
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -l insecure -d 'Believe any certificate: whoever answers gets the API token'
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -s v -l verbose -d 'Show each request: method, path, status, time; twice: its parameters too, without secrets'
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l keep -d 'Keep the newest N versions of each name, whoever uses them' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l older-than -d 'Keep versions that are not older than DAYS' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l image-dir -d 'Where an image without a source lies: DIR/NAME/NAME.qcow2, with NAME.qcow2.sha256 beside it' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l cache-dir -d 'Where it is kept what is known of images, and where fetched files go [default: ~/.cache/pve-pipeline]' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l retries -d 'How often a lost connection, or a server that is busy, is tried again' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l local-dir -d 'On a PVE host itself: write into the storage\'s folder, as /var/lib/vz, instead of asking the API' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l ca-file -d 'Believe certificates signed by the CA in this PEM file (a node has it at /etc/pve/pve-root-ca.pem)' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l fingerprint -d 'Believe the certificate with this SHA-256 fingerprint, as PVE shows it; may be repeated' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l log-format -d 'How findings and progress are written on stderr' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -s o -l output -d 'Write into this file instead of stdout: whole or not at all, and readable by you only' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l all -d 'Prune also images of names that the document does not know; other deployments may use them'
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l json -d 'Print the result as JSON'
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l compress -d 'Let qemu-img, when it is installed, compress local images first'
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l dry-run -d 'Read, check and say what would be done; write nothing to PVE'
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l insecure -d 'Believe any certificate: whoever answers gets the API token'
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -s v -l verbose -d 'Show each request: method, path, status, time; twice: its parameters too, without secrets'
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -s h -l help -d 'Print help (see more with \'--help\')'
