#!/usr/bin/env bash
# Text that others wrote (names of interfaces, notes, comments, names of files) reaches a terminal or a log spelled as
# canp/safe_text.h says, and in no other way. The convention, by which this looks at tools/: an argument of an output
# function that is called name, long_name, sender, unit, iface, note(s), payload, text, comment, dir, path or output, or is a why, stands
# within SAFE(), SAFE_WORD(), text_put_safe() or text_json_string(). opts_fail() and speaker_say() spell all they say.
# What is of our own making has `trusted` in a comment within the call.
# usage: test_untrusted_text.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/look.py" <<'PY'
import os, re, sys

SINKS = r'(?<![\w.>])(?:v?f?printf|fputs|puts|fwrite|putchar|write|line|keys_progress|mvadd\w*|add\w*str)\s*\('
SAFE = r'\b(?:SAFE|SAFE_WORD|text_safe|text_safe_word|text_put_safe|text_json_string|text_time|text_count|text_bytes|text_duration|canp_safe_\w+|strlen|strcmp)\s*\('
UNTRUSTED = re.compile(r'(?<![\w"])(?:\w+(?:\[\w+\])?(?:->|\.))*(?:name|long_name|sender|unit|iface|notes?|payload|text|comment|dir|path|output|source|why)\b(?!\s*(?:\(|\.(?!text)|->))')

def closing(code, at):  # of the parenthesis at `at`; strings are passed over
    depth, quote = 0, None
    while at < len(code):
        c = code[at]
        if quote:
            at += c == '\\'
            quote = None if c == quote else quote
        elif c in '"\'':
            quote = c
        else:
            depth += (c == '(') - (c == ')')
            if depth == 0:
                return at
        at += 1
    return at

def without_safe(call):
    while (m := re.search(SAFE, call)):
        call = call[:m.start()] + call[closing(call, m.end() - 1) + 1:]
    return call

bad = seen = 0
for root, _, files in os.walk(sys.argv[1]):
    for file in sorted(files):
        path = os.path.join(root, file)
        if not file.endswith('.c') or '/bench/' in path:
            continue
        code = open(path).read()
        for m in re.finditer(SINKS, code):
            call = code[m.start():closing(code, m.end() - 1) + 1]
            seen += 1
            if 'trusted' in call:
                continue
            bare = re.sub(r'/\*.*?\*/', '', re.sub(r'"(?:\\.|[^"\\])*"', '""', without_safe(call)), flags=re.S)
            found = UNTRUSTED.search(bare.split('(', 1)[1])
            if found:
                line = code.count('\n', 0, m.start()) + 1
                print(f'{path}:{line}: {found.group()} is written as it is: SAFE() it: {" ".join(call.split())[:100]}')
                bad = 1
print(f'{seen} calls looked at')
sys.exit(bad or seen < int(sys.argv[2]))
PY
python3 "$work/look.py" "$1/tools" 100

# It must be able to fail.
planted() { # LINE OF C: is found
    printf 'static void f(void)\n{\n    %s\n}\n' "$1" >"$work/planted/x.c"
    ! python3 "$work/look.py" "$work/planted" 1 >/dev/null || { echo "not found: $1"; exit 1; }
}
mkdir "$work/planted"
planted 'printf("%-16s %s\n", SAFE("a"), f->name);'
planted 'fprintf(stderr, "%.*s", 3, (const char *)mark->payload);'
planted 'fputs(events->notes[i] + 1, stdout);'
planted 'line(A_NORMAL, "%s (", stats->ifaces[i].name);'
planted 'printf("%s", why.text);'
printf 'static void f(void)\n{\n    printf("name %%s", SAFE(f->name));\n    opts_fail("x", 1, "%%s", why.text);\n}\n' >"$work/planted/x.c"
python3 "$work/look.py" "$work/planted" 1 >/dev/null
echo "untrusted text: all of it is spelled"
