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

complete -c image-publish -n "__fish_image_publish_needs_command" -l image-dir -d 'Directory of images that have no source' -r -F
complete -c image-publish -n "__fish_image_publish_needs_command" -l cache-dir -d 'Directory of the image cache and downloaded files' -r -F
complete -c image-publish -n "__fish_image_publish_needs_command" -l retries -d 'Retries after a lost connection or a busy server' -r
complete -c image-publish -n "__fish_image_publish_needs_command" -l local-dir -d 'Write to this directory of the storage instead of using the API' -r -F
complete -c image-publish -n "__fish_image_publish_needs_command" -l ca-file -d 'Trust certificates signed by this CA (PEM)' -r -F
complete -c image-publish -n "__fish_image_publish_needs_command" -l fingerprint -d 'Trust the certificate with this fingerprint; repeatable' -r
complete -c image-publish -n "__fish_image_publish_needs_command" -l refresh -d 'When to fetch lists of checksums' -r -f -a "missing\t'Only if the storage has no image with the last known checksum; if the server does not answer, use the last known checksum'
always\t'In each run; a server that does not answer is an error'
never\t'Never; use known checksums only'"
complete -c image-publish -n "__fish_image_publish_needs_command" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c image-publish -n "__fish_image_publish_needs_command" -s o -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c image-publish -n "__fish_image_publish_needs_command" -l compress -d 'Compress local images first, if qemu-img is installed'
complete -c image-publish -n "__fish_image_publish_needs_command" -l dry-run -d 'Show what would be done, and change nothing'
complete -c image-publish -n "__fish_image_publish_needs_command" -l insecure -d 'Trust any certificate, so that whoever answers gets the API token'
complete -c image-publish -n "__fish_image_publish_needs_command" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c image-publish -n "__fish_image_publish_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c image-publish -n "__fish_image_publish_needs_command" -s V -l version -d 'Print version'
complete -c image-publish -n "__fish_image_publish_needs_command" -f -a "publish" -d 'Publish files or URLs'
complete -c image-publish -n "__fish_image_publish_needs_command" -f -a "list" -d 'List the images on the storage, and their templates on the nodes'
complete -c image-publish -n "__fish_image_publish_needs_command" -f -a "verify" -d 'Compare the document\'s images on the storage with their checksums'
complete -c image-publish -n "__fish_image_publish_needs_command" -f -a "remove" -d 'Remove images by volume ID, or by name with all their versions and templates'
complete -c image-publish -n "__fish_image_publish_needs_command" -f -a "prune" -d 'Remove old versions that the document\'s VMs no longer use, and their templates'
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l name -d 'Name of the image, if there is one file' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l checksum -d 'Checksum that the one file must have: sha256:HEX or sha512:HEX' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l content -d 'Content type of the images' -r -f -a "import\t'For disks of VMs'
iso\t'For CD drives only; PVE cannot create disks from it'"
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l refresh -d 'When to fetch lists of checksums' -r -f -a "missing\t'Only if the storage has no image with the last known checksum; if the server does not answer, use the last known checksum'
always\t'In each run; a server that does not answer is an error'
never\t'Never; use known checksums only'"
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l image-dir -d 'Directory of images that have no source' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l cache-dir -d 'Directory of the image cache and downloaded files' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l retries -d 'Retries after a lost connection or a busy server' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l local-dir -d 'Write to this directory of the storage instead of using the API' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l endpoint -d 'URL of the PVE API; stdin is then not read [env: PVE_ENDPOINT]' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l node -d 'Node that has the storage; with a document, only this one of its nodes [env: PVE_NODE]' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l token-file -d 'File that holds the API token [default: $PVE_API_TOKEN]' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l storage -d 'Storage [default: that of the document or its node, or local]' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l ca-file -d 'Trust certificates signed by this CA (PEM)' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l fingerprint -d 'Trust the certificate with this fingerprint; repeatable' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -s o -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l json -d 'Print the result as JSON'
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l compress -d 'Compress local images first, if qemu-img is installed'
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l dry-run -d 'Show what would be done, and change nothing'
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -l insecure -d 'Trust any certificate, so that whoever answers gets the API token'
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c image-publish -n "__fish_image_publish_using_subcommand publish" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -l local-dir -d 'Read this directory of the storage instead of using the API' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -l endpoint -d 'URL of the PVE API; stdin is then not read [env: PVE_ENDPOINT]' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -l node -d 'Node that has the storage; with a document, only this one of its nodes [env: PVE_NODE]' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -l token-file -d 'File that holds the API token [default: $PVE_API_TOKEN]' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -l storage -d 'Storage [default: that of the document or its node, or local]' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -l ca-file -d 'Trust certificates signed by this CA (PEM)' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -l fingerprint -d 'Trust the certificate with this fingerprint; repeatable' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -s o -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -l json -d 'Print the result as JSON'
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -l dry-run -d 'Accepted for uniformity; `list` changes nothing anyway'
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -l insecure -d 'Trust any certificate, so that whoever answers gets the API token'
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c image-publish -n "__fish_image_publish_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -l refresh -d 'When to fetch lists of checksums' -r -f -a "missing\t'Only if the storage has no image with the last known checksum; if the server does not answer, use the last known checksum'
always\t'In each run; a server that does not answer is an error'
never\t'Never; use known checksums only'"
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -l image-dir -d 'Directory of images that have no source' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -l cache-dir -d 'Directory of the image cache and downloaded files' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -l retries -d 'Retries after a lost connection or a busy server' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -l local-dir -d 'Write to this directory of the storage instead of using the API' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -l ca-file -d 'Trust certificates signed by this CA (PEM)' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -l fingerprint -d 'Trust the certificate with this fingerprint; repeatable' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -s o -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -l json -d 'Print the result as JSON'
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -l compress -d 'Compress local images first, if qemu-img is installed'
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -l dry-run -d 'Show what would be done, and change nothing'
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -l insecure -d 'Trust any certificate, so that whoever answers gets the API token'
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c image-publish -n "__fish_image_publish_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -l local-dir -d 'Write to this directory of the storage instead of using the API' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -l endpoint -d 'URL of the PVE API; stdin is then not read [env: PVE_ENDPOINT]' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -l node -d 'Node that has the storage; with a document, only this one of its nodes [env: PVE_NODE]' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -l token-file -d 'File that holds the API token [default: $PVE_API_TOKEN]' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -l storage -d 'Storage [default: that of the document or its node, or local]' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -l ca-file -d 'Trust certificates signed by this CA (PEM)' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -l fingerprint -d 'Trust the certificate with this fingerprint; repeatable' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -s o -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -l force -d 'Also remove images that the document\'s VMs use, and templates that nothing depends on'
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -l json -d 'Print the result as JSON'
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -l dry-run -d 'Show what would be done, and change nothing'
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -l insecure -d 'Trust any certificate, so that whoever answers gets the API token'
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c image-publish -n "__fish_image_publish_using_subcommand remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l keep -d 'Number of newest versions of each name to keep; of templates, on each node and storage' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l older-than -d 'Keep versions that are at most this many days old' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l image-dir -d 'Directory of images that have no source' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l cache-dir -d 'Directory of the image cache and downloaded files' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l retries -d 'Retries after a lost connection or a busy server' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l local-dir -d 'Write to this directory of the storage instead of using the API' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l ca-file -d 'Trust certificates signed by this CA (PEM)' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l fingerprint -d 'Trust the certificate with this fingerprint; repeatable' -r
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -s o -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l all -d 'Also prune images that the document does not name'
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l json -d 'Print the result as JSON'
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l compress -d 'Compress local images first, if qemu-img is installed'
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l dry-run -d 'Show what would be done, and change nothing'
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -l insecure -d 'Trust any certificate, so that whoever answers gets the API token'
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c image-publish -n "__fish_image_publish_using_subcommand prune" -s h -l help -d 'Print help (see more with \'--help\')'

# Names that only the site knows.
function __fish_image_publish_names
    set -l words (commandline -opc)
    set -l site
    if set -l at (contains -i -- --site $words)
        set site --site $words[(math $at + 1)]
    end
    resolve list $argv[1] --names $site 2>/dev/null
end

complete -c image-publish -l node -x -a '(__fish_image_publish_names nodes)'
