# canp(1), canp-bench(1): the template with the list of commands or modes (an X-macro list) put in.
# usage: awk -v version=V -f command.awk HEADER TEMPLATE
FNR == NR {
    if (match($0, /X\([a-z]+, "/)) {
        line = substr($0, RSTART + 2)
        name = line
        sub(/,.*/, "", name)
        sub(/^[^"]*"/, "", line)
        sub(/".*/, "", line)
        gsub(/-/, "\\-", line)
        commands = commands ".TP\n.B " name "\n" line "\n"
    }
    next
}
/^@COMMANDS@$/ {
    printf "%s", commands
    next
}
{
    gsub(/@VERSION@/, version)
    print
}
