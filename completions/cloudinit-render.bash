_cloudinit__render() {
    local i cur prev opts cmd
    COMPREPLY=()
    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
        cur="$2"
    else
        cur="${COMP_WORDS[COMP_CWORD]}"
    fi
    prev="$3"
    cmd=""
    opts=""

    for i in "${COMP_WORDS[@]:0:COMP_CWORD}"
    do
        case "${cmd},${i}" in
            ",$1")
                cmd="cloudinit__render"
                ;;
            *)
                ;;
        esac
    done

    case "${cmd}" in
        cloudinit__render)
            opts="-v -o -h -V --fragment --vm --part --seed-dir --seed-image --log-format --verbose --output --help --version"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 1 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --fragment)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --vm)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --part)
                    COMPREPLY=($(compgen -W "user-data vendor-data meta-data network-config" -- "${cur}"))
                    return 0
                    ;;
                --seed-dir)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --seed-image)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-format)
                    COMPREPLY=($(compgen -W "text json" -- "${cur}"))
                    return 0
                    ;;
                --output)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
    esac
}

if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -F _cloudinit__render -o nosort -o bashdefault -o default cloudinit-render
else
    complete -F _cloudinit__render -o bashdefault -o default cloudinit-render
fi

# Names that only the site knows; everything else is left to the function above.
_cloudinit__render_names() {
    local cur="${COMP_WORDS[COMP_CWORD]}" prev="$3" kind="" site=() i
    # `--env=dev` comes as three words.
    if [[ "${cur}" == "=" ]]; then
        cur="" prev="${COMP_WORDS[COMP_CWORD-1]}"
    elif [[ "${prev}" == "=" ]]; then
        prev="${COMP_WORDS[COMP_CWORD-2]}"
    fi
    case "${prev}" in
        --vm) kind=vms ;;
        *) _cloudinit__render "$@"; return ;;
    esac
    for ((i = 1; i + 1 < COMP_CWORD; i++)); do
        [[ "${COMP_WORDS[i]}" == "--site" ]] && site=(--site "${COMP_WORDS[i+1]}")
    done
    COMPREPLY=($(compgen -W "$(resolve list "${kind}" --names "${site[@]}" 2>/dev/null)" -- "${cur}"))
}

if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -F _cloudinit__render_names -o nosort -o bashdefault -o default cloudinit-render
else
    complete -F _cloudinit__render_names -o bashdefault -o default cloudinit-render
fi
