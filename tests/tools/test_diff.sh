#!/usr/bin/env bash
# canp diff: IDs that are new, gone and changed, by bits, period and length; logs of different formats; a log against itself.
# usage: test_diff.sh SOURCE_DIR BUILD_DIR
set -uo pipefail
# shellcheck source=tests/tools/lib.sh
. "$1/tests/tools/lib.sh"

# a: 100 every 10 ms, byte 0 counts, byte 1 is 11; 200 gone in b; 18FEF100 (extended) the same in both; 300 every 10 ms
# b: 100 stands still, byte 1 is 13; 300 every 20 ms and of 4 bytes; 400 is new, an FD frame
python3 - "$work" <<'PY'
import json, sys
def line(t, iface, data): return "(%.6f) %s %s\n" % (1700000000 + t, iface, data)
with open(sys.argv[1] + "/a.log", "w") as f:
    for i in range(30):
        f.write(line(i * .01, "can0", "100#%02X11" % (i % 16)))
        f.write(line(i * .01 + .001, "can0", "300#0011223344556677"))
        f.write(line(i * .01 + .002, "can0", "18FEF100#AA"))
    f.write(line(.5, "can0", "200#01"))
with open(sys.argv[1] + "/b.log", "w") as f:
    for i in range(30):
        f.write(line(i * .01, "vcan7", "100#0013"))
        f.write(line(i * .02 + .001, "vcan7", "300#00112233"))
        f.write(line(i * .01 + .002, "vcan7", "18FEF100#AA"))
        f.write(line(i * .01 + .003, "vcan7", "400##1%02X" % i))
PY
check "differs" status_is 1 "$canp" diff "$work/a.log" "$work/b.log"
check "in these" prints \
    '~ 100         other value: byte 1 & 02  stands still now: byte 0 & 0F' \
    '- 200        1 frame, 1 byte' \
    '~ 300         length 8 -> 4  period 10.0 ms -> 20.0 ms' \
    '+ 400        30 frames, every 10.0 ms, 1 byte'
check "the other way round" status_is 1 "$canp" diff "$work/b.log" "$work/a.log"
check "bits move" says 'moves now: byte 0 & 0F'
check "as a recording and as another format" "$canp" convert "$work/a.log" "$work/rec"
check "as asc" "$canp" convert "$work/a.log" "$work/a.asc"
check "no difference" status_is 0 "$canp" diff "$work/rec" "$work/a.asc"
check "which is said" says 'no difference'
check "as JSON" status_is 1 "$canp" diff --json "$work/rec" "$work/b.log"
check "of keys that hold" python3 - "$work/out" <<'PY'
import json, sys
o = json.load(open(sys.argv[1]))
assert [x["id"] for x in o["new"]] == ["400"] and [x["id"] for x in o["gone"]] == ["200"], o
assert o["new"][0]["kind"] == "fd" and o["new"][0]["b"]["frames"] == 30 and o["ids"] == [4, 4], o
c = {x["id"]: x for x in o["changed"]}
assert set(c) == {"100", "300"} and c["100"]["other_value"] == "0002" and c["100"]["stands"] == "0F00" and c["100"]["moves"] == "0000", c
assert c["300"]["length"] and c["300"]["period"] and abs(c["300"]["b"]["period_ns"] - 20e6) < 1e5 and not c["100"]["period"], c
PY
cp "$work/a.log" "$work/<b>&.log"
check "as a page" status_is 1 "$canp" diff "$work/<b>&.log" "$work/b.log" -o "$work/d.html"
check "of well-formed parts" python3 - "$work/d.html" <<'PY'
import html.parser, sys
class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.text, self.rows, self.classes, self.title = [], [], 0, [], ""
    def handle_starttag(self, tag, attributes):
        self.rows += tag == "tr"
        self.classes += [(tag, v) for k, v in attributes if k == "class" and tag == "i"]
        if tag not in ("meta", "th"):
            self.open.append(tag)
    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag
    def handle_data(self, data):
        self.text.append(data)
page = Page()
page.feed(open(sys.argv[1]).read())
text = " ".join(page.text)
assert not page.open and "<b>&.log" in "".join(page.text), page.open
assert all(word in text for word in ("New in B", "400", "Gone in B", "200", "Changed", "100", "300", "20.0")), text
assert page.rows == 3 + 4 and page.classes.count(("i", "o")) == 1 + 1 and page.classes.count(("i", "s")) == 4 + 1, page.classes
PY
check "never over another file" status_is 3 "$canp" diff "$work/a.log" "$work/b.log" -o "$work/d.html"
check "of nothing" status_is 0 "$canp" diff "$work/a.log" "$work/a.log" -o "$work/none.html"
check "says so" test "$(grep -c 'class=faint>none' "$work/none.html")" -eq 3
check "one log is too few" status_is 2 "$canp" diff "$work/a.log"
check "no such log" status_is 3 "$canp" diff "$work/a.log" "$work/none"
exit $bad
