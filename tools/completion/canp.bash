# bash completion of canp; what may come next is said by `complete`, which stands beside this file or in share/canp.
_canp()
{
    local cur=${COMP_WORDS[COMP_CWORD]} here=${BASH_SOURCE[0]%/*} words
    [ -r "$here/complete" ] || here=$here/../../canp
    words=$(sh "$here/complete" "${COMP_WORDS[0]}" "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur"; [ "$COMP_CWORD" -eq 1 ] || [[ $cur == -* ]] || compgen -f -- "$cur")
}
complete -o filenames -o bashdefault -F _canp canp
