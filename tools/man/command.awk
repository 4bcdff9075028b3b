# canp(1): the template with the list of commands (tools/lib/commands.h) put in.
# usage: awk -v version=V -f command.awk commands.h canp.1.in
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
