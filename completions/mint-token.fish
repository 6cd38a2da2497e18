# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_mint_token_global_optspecs
    string join \n kid= issued-at= ttl= site= key-file= key-fd= log-format= v/verbose o/output= h/help V/version
end

function __fish_mint_token_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_mint_token_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_mint_token_using_subcommand
    set -l cmd (__fish_mint_token_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c mint-token -n "__fish_mint_token_needs_command" -l kid -d 'Sign with the key of this name, and name it in the token' -r
complete -c mint-token -n "__fish_mint_token_needs_command" -l issued-at -d 'Time of issue, in seconds since 1970 [default: now]' -r
complete -c mint-token -n "__fish_mint_token_needs_command" -l ttl -d 'Time until the token expires, such as 90s, 15m or 30d [default: never]' -r
complete -c mint-token -n "__fish_mint_token_needs_command" -l site -d 'Read `auth.signing_key` from secrets.yaml in this directory' -r -F
complete -c mint-token -n "__fish_mint_token_needs_command" -l key-file -d 'Read keys from this file, one `HEX` or `NAME=HEX` per line' -r -F
complete -c mint-token -n "__fish_mint_token_needs_command" -l key-fd -d 'Read keys from this open file descriptor, 3 or above' -r
complete -c mint-token -n "__fish_mint_token_needs_command" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c mint-token -n "__fish_mint_token_needs_command" -s o -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c mint-token -n "__fish_mint_token_needs_command" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c mint-token -n "__fish_mint_token_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mint-token -n "__fish_mint_token_needs_command" -s V -l version -d 'Print version'
complete -c mint-token -n "__fish_mint_token_needs_command" -f -a "mint" -d 'Print one token'
complete -c mint-token -n "__fish_mint_token_needs_command" -f -a "inspect" -d 'Print the claims of the token on stdin without checking its signature'
complete -c mint-token -n "__fish_mint_token_needs_command" -f -a "verify" -d 'Check the token on stdin as a server does, and print its claims'
complete -c mint-token -n "__fish_mint_token_needs_command" -f -a "keygen" -d 'Print a new signing key of 256 bits'
complete -c mint-token -n "__fish_mint_token_using_subcommand mint" -l name -d 'Name of the VM' -r
complete -c mint-token -n "__fish_mint_token_using_subcommand mint" -l spec -d 'Spec that the VM may fetch' -r
complete -c mint-token -n "__fish_mint_token_using_subcommand mint" -l kid -d 'Sign with the key of this name, and name it in the token' -r
complete -c mint-token -n "__fish_mint_token_using_subcommand mint" -l issued-at -d 'Time of issue, in seconds since 1970 [default: now]' -r
complete -c mint-token -n "__fish_mint_token_using_subcommand mint" -l ttl -d 'Time until the token expires, such as 90s, 15m or 30d [default: never]' -r
complete -c mint-token -n "__fish_mint_token_using_subcommand mint" -l site -d 'Read `auth.signing_key` from secrets.yaml in this directory' -r -F
complete -c mint-token -n "__fish_mint_token_using_subcommand mint" -l key-file -d 'Read keys from this file, one `HEX` or `NAME=HEX` per line' -r -F
complete -c mint-token -n "__fish_mint_token_using_subcommand mint" -l key-fd -d 'Read keys from this open file descriptor, 3 or above' -r
complete -c mint-token -n "__fish_mint_token_using_subcommand mint" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c mint-token -n "__fish_mint_token_using_subcommand mint" -s o -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c mint-token -n "__fish_mint_token_using_subcommand mint" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c mint-token -n "__fish_mint_token_using_subcommand mint" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mint-token -n "__fish_mint_token_using_subcommand inspect" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c mint-token -n "__fish_mint_token_using_subcommand inspect" -s o -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c mint-token -n "__fish_mint_token_using_subcommand inspect" -l json -d 'Print the claims as JSON, as they stand in the token'
complete -c mint-token -n "__fish_mint_token_using_subcommand inspect" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c mint-token -n "__fish_mint_token_using_subcommand inspect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mint-token -n "__fish_mint_token_using_subcommand verify" -l name -d 'Name of the VM that presents the token' -r
complete -c mint-token -n "__fish_mint_token_using_subcommand verify" -l at -d 'Time at which to check the token, in seconds since 1970 [default: now]' -r
complete -c mint-token -n "__fish_mint_token_using_subcommand verify" -l site -d 'Read `auth.signing_key` from secrets.yaml in this directory' -r -F
complete -c mint-token -n "__fish_mint_token_using_subcommand verify" -l key-file -d 'Read keys from this file, one `HEX` or `NAME=HEX` per line' -r -F
complete -c mint-token -n "__fish_mint_token_using_subcommand verify" -l key-fd -d 'Read keys from this open file descriptor, 3 or above' -r
complete -c mint-token -n "__fish_mint_token_using_subcommand verify" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c mint-token -n "__fish_mint_token_using_subcommand verify" -s o -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c mint-token -n "__fish_mint_token_using_subcommand verify" -l json -d 'Print the claims as JSON, as they stand in the token'
complete -c mint-token -n "__fish_mint_token_using_subcommand verify" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c mint-token -n "__fish_mint_token_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mint-token -n "__fish_mint_token_using_subcommand keygen" -l log-format -d 'Format of messages on stderr [default: text]' -r -f -a "text\t'Lines for people'
json\t'One JSON object per line'"
complete -c mint-token -n "__fish_mint_token_using_subcommand keygen" -s o -l output -d 'Write to this file, readable only by you, instead of stdout' -r -F
complete -c mint-token -n "__fish_mint_token_using_subcommand keygen" -s v -l verbose -d 'Show each request; -vv also its parameters, without secrets'
complete -c mint-token -n "__fish_mint_token_using_subcommand keygen" -s h -l help -d 'Print help (see more with \'--help\')'

# Names that only the site knows.
function __fish_mint_token_names
    set -l words (commandline -opc)
    set -l site
    if set -l at (contains -i -- --site $words)
        set site --site $words[(math $at + 1)]
    end
    resolve list $argv[1] --names $site 2>/dev/null
end

complete -c mint-token -l spec -x -a '(__fish_mint_token_names specs)'
