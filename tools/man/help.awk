# One command's page, canp-NAME(1), of what its --help prints.
# usage: canp NAME --help | awk -v name=NAME -v summary=TEXT -v version=V -f help.awk
function troff(text)
{
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    if (text ~ /^[.']/)
        text = "\\\\&" text
    return text
}
function section(heading)
{
    print ".SH " heading
    at = heading
}
NR == 1 {
    printf ".TH CANP\\-%s 1 \"\" \"canp %s\" \"User Commands\"\n", toupper(name), version
    section("NAME")
    print "canp\\-" name " \\- " troff(summary)
    section("SYNOPSIS")
    sub(/^usage: canp [a-z]+ /, "")
    print ".B canp " name "\n" troff($0)
    section("DESCRIPTION")
    empty = 1
    next
}
at == "DESCRIPTION" && /^  +(-[A-Za-z],)? *--/ {
    section("OPTIONS")
}
at == "OPTIONS" && /^  / {
    text = $0
    sub(/^ */, "", text)
    option = text
    if (match(text, /   *[^ -]/))
        option = substr(text, 1, RSTART - 1)
    print ".TP\n.B " troff(option)
    rest = substr(text, length(option) + 1)
    sub(/^ */, "", rest)
    print troff(rest)
    next
}
at == "OPTIONS" && /^$/ {
    next
}
at == "OPTIONS" {
    section("NOTES")
    print ".nf"
    filled = 1
}
/^$/ {
    if (at == "NOTES")
        print ".sp"
    else if (!empty)
        pending = 1
    next
}
{
    if (pending)
        print ".PP"
    pending = empty = 0
    print troff($0)
}
END {
    if (filled)
        print ".fi"
    print ".SH SEE ALSO\n.BR canp (1)"
}
