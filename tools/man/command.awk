# canp(1), canp-bench(1): the template with the list of commands or modes (an X-macro list) put in, and that of formats.
# usage: awk -v version=V -f command.awk HEADER [FORMATS.md] TEMPLATE
function troff(text)
{
    gsub(/\\/, "\\e", text)
    gsub(/`/, "", text)
    gsub(/-/, "\\-", text)
    return text
}
FILENAME ~ /\.h$/ {
    if (match($0, /X\([a-z]+, "/)) {
        line = substr($0, RSTART + 2)
        name = line
        sub(/,.*/, "", name)
        sub(/^[^"]*"/, "", line)
        sub(/".*/, "", line)
        commands = commands ".TP\n.B " name "\n" troff(line) "\n"
    }
    next
}
FILENAME ~ /\.md$/ {
    if (split($0, cell, / *\| */) >= 6 && (cell[3] == "yes" || cell[4] == "yes")) {
        way = cell[3] != "yes" ? " (writing)" : cell[4] != "yes" ? " (reading)" : ""
        formats = formats ".TP\n.BR " cell[2] " \"" way "\"\n" troff(cell[5]) "\n"
    }
    next
}
/^@COMMANDS@$/ {
    printf "%s", commands
    next
}
/^@FORMATS@$/ {
    printf "%s", formats
    next
}
{
    gsub(/@VERSION@/, version)
    print
}
