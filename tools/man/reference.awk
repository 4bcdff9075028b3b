# canp(3) out of the public headers: each header's opening comment, then every declaration with the comment in
# front of it. usage: awk -v version=V -f reference.awk HEADER...
# Comments are prose: paragraphs end at an empty line; what is indented further stays as it is.

function roff(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    if (text ~ /^[.']/)
        text = "\\&" text
    return text
}

function end_as_is() {
    if (as_is)
        print ".fi"
    as_is = 0
}

function print_prose(   i, lines, n) {
    n = split(prose, lines, "\n")
    for (i = 1; i < n; i++) {
        if (lines[i] ~ /^ *$/) {
            end_as_is()
            print ".PP"
        } else if (lines[i] ~ /^   /) {
            if (!as_is)
                print ".nf"
            as_is = 1
            print roff(lines[i])
        } else {
            end_as_is()
            print roff(lines[i])
        }
    }
    end_as_is()
    prose = ""
}

function print_code(   i, lines, n) {
    print ".PP"
    print ".nf"
    n = split(code, lines, "\n")
    for (i = 1; i < n; i++)
        print roff(lines[i])
    print ".fi"
    code = ""
    if (prose != "") {
        print ".RS 4"
        print_prose()
        print ".RE"
    }
}

BEGIN {
    printf ".TH CANP 3 \"\" \"canp %s\" \"libcanp\"\n", version
    print ".ad l"
    print ".SH NAME"
    print "canp \\- record, read, merge and replay CAN buses (libcanp)"
    print ".SH SYNOPSIS"
    print ".nf"
    for (i = 1; i < ARGC; i++) {
        name = ARGV[i]
        sub(/.*\/include\//, "", name)
        print "#include <" name ">"
    }
    print ".PP"
    print "cc \\&... $(pkg\\-config \\-\\-cflags \\-\\-libs canp)"
    print ".fi"
    print ".SH DESCRIPTION"
    print "This page is made of the public headers. Functions return 0 or a count, else a negative errno value or"
    print "a negative canp_error; canp_strerror() knows both. Sizes are bytes, times nanoseconds since the Unix epoch."
}

FNR == 1 {
    name = FILENAME
    sub(/.*\/include\//, "", name)
    print ".SH " toupper(name)
    opening = 1
    prose = code = ""
    state = ""
}

# Comments.
state == "" && /^\/\*/ && !/----/ {
    prose = ""
    state = "comment"
    line = $0
    sub(/^\/\* ?/, "", line)
    if (line ~ /\*\/ *$/) {
        sub(/ *\*\/ *$/, "", line)
        state = ""
    }
    if (line != "")
        prose = line "\n"
    next
}
state == "comment" {
    line = $0
    if (line ~ /\*\/ *$/)
        state = ""
    sub(/ *\*\/ *$/, "", line)
    sub(/^ \* ?/, "", line)
    if (state == "comment" || line != "")
        prose = prose line "\n"
    next
}

# The first comment is about the header.
opening && state == "" && /^#ifndef/ {
    opening = 0
    print_prose()
    next
}

# Declarations.
state == "" && (/^CANP_API / || /^(struct|enum|union) [a-z_0-9]+ \{/ || /^typedef /) {
    state = /^CANP_API / ? "function" : "type"
    if (/^typedef /)
        state = "function"
}
state == "" && /^static inline / {
    state = "inline"
}
state == "function" || state == "type" || state == "inline" {
    line = $0
    sub(/^CANP_API /, "", line)
    if (state == "inline" && line ~ /^\{/) {
        state = "body"
        sub(/\n$/, ";\n", code)
        sub(/^static inline /, "", code)
        print_code()
        next
    }
    code = code line "\n"
    if ((state == "function" && line ~ /; *(\/\*.*)?$/) || (state == "type" && line ~ /^\}/)) {
        state = ""
        print_code()
    }
    next
}
state == "body" {
    if (/^\}/)
        state = ""
    next
}
/^$/ {
    prose = ""
}

END {
    print ".SH SEE ALSO"
    print "canp(1)"
}
