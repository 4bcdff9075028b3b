# bash completion of canp. Commands and options come from canp's own help, so that they are those of the installed release.
_canp()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} words
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        words=$("${COMP_WORDS[0]}" help 2>/dev/null | sed -n 's/^  \([a-z]*\)  *.*/\1/p')
        mapfile -t COMPREPLY < <(compgen -W "$words help --version" -- "$cur")
        return
    fi
    if [[ $cur == -* ]]; then
        words=$("${COMP_WORDS[0]}" "$command" --help 2>/dev/null | sed -n 's/^  \(-., \)\? *\(--[a-z0-9-]*\).*/\2/p')
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
        return
    fi
    case $command:$prev in
    *:--sync) mapfile -t COMPREPLY < <(compgen -W "none segment" -- "$cur") && return ;;
    *:-f | *:--format)
        words=$("${COMP_WORDS[0]}" "$command" --help 2>/dev/null | sed -n 's/^ *-f, --format.*(\([a-z, ]*\)).*/\1/p' | tr -d ,)
        mapfile -t COMPREPLY < <(compgen -W "$words candump json csv" -- "$cur")
        return
        ;;
    help:*)
        words=$("${COMP_WORDS[0]}" help 2>/dev/null | sed -n 's/^  \([a-z]*\)  *.*/\1/p')
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
        return
        ;;
    esac
    words=
    case $command in
    record | top | gen | link | decode) # interfaces, by their type in sysfs
        words=$(grep -lx 280 /sys/class/net/*/type 2>/dev/null | sed 's|/sys/class/net/\(.*\)/type|\1|')
        [ "$command" = gen ] || [ "$command" = link ] || words="$words any"
        ;;
    ctl) words="status rotate trigger stop note metrics" ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur"; compgen -f -- "$cur")
}
complete -o filenames -o bashdefault -F _canp canp
