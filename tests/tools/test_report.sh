#!/usr/bin/env bash
# canp report: one page without network, small; in a browser, where there is one, each plot has its points, the console is silent,
# marks can be hovered, and what others wrote stays text.
# usage: test_report.sh SOURCE_DIR BUILD_DIR
set -uo pipefail
# shellcheck source=tests/tools/lib.sh
. "$1/tests/tools/lib.sh"

status=0
"$canp" report 2>"$work/err" || status=$?
grep -q 'without charts' "$work/err" && { echo "skip: built without libjs-dygraphs" && exit 77; }
check "needs an OUT" test "$status" -eq 2

# 20 s: 0CF every 10 ms with a counter in byte 1 (low nibble) and a CRC-8 in byte 3; two error frames; a loss; a note that is HTML
python3 - "$work" <<'PY'
import sys
def crc(data):
    c = 0xFF
    for b in data:
        c ^= b
        for _ in range(8):
            c = (c << 1 ^ 0x1D) & 255 if c & 128 else c << 1 & 255
    return c ^ 0xFF
with open(sys.argv[1] + "/d.log", "w") as f:
    for i in range(2000):
        t, d = 1700000000 + i * .01, bytes([i // 8 & 255, i % 16, 0x55])
        f.write("(%.6f) can0 0CF#%s%02X\n" % (t, d.hex().upper(), crc(d)))
        if i % 1000 == 500:
            f.write("(%.6f) can0 20000080#0000000000000000\n" % (t + .001))
open(sys.argv[1] + "/d.dbc", "w").write('VERSION ""\nBO_ 207 Engine: 4 ECU\n SG_ Speed : 0|8@1+ (2,0) [0|510] "<b>" Dash\n')
PY
"$canp" convert "$work/d.log" "$work/d.json" >/dev/null 2>&1
echo '{"time_ns":1700000019990000000,"iface":"can0","kind":"mark","code":1,"text":"note=</script><script>console.error(1)</script>"}' >>"$work/d.json"
check "is made" status_is 0 "$canp" report "$work/d.json" --dbc "$work/d.dbc" -o "$work/d.html"
check "never over another file" status_is 3 "$canp" report "$work/d.log" -o "$work/d.html"
check "is small" test "$(wc -c <"$work/d.html")" -lt 400000
check "may ask no network" grep -q "Content-Security-Policy.*default-src 'none'; style" "$work/d.html"
check "of an empty log there is none" status_is 3 "$canp" report /dev/null -o "$work/none.html"
check "nothing is left of that" test ! -e "$work/none.html"
python3 - "$work/d.html" >"$work/out" <<'PY'
import json, re, sys
o = json.loads(re.search(r'id="data">(.*?)</script>', open(sys.argv[1]).read(), re.S).group(1))
assert o["frames"] == 2002 and o["ifaces"][0]["errors"] == 2, o["ifaces"]
i = o["ids"][0]
assert i["id"] == "0CF" and i["count"] == 2000 and abs(i["period"] - 10) < .01, i
assert i["guess"] == "byte 1 low nibble counts, byte 3 is a checksum (CRC-8 0x1D)", i["guess"]
assert i["bits"][16:24] == "0" * 8 and i["bits"][15] == "9", i["bits"]
assert [m["kind"] for m in o["marks"]] == ["error", "error", "note"], o["marks"]
assert o["marks"][2]["text"] == "note=</script><script>console.error(1)</script>", o["marks"]
assert o["signals"][0]["name"] == "Speed" and sum(p[1] <= p[2] <= p[3] for p in o["signals"][0]["points"]) == len(o["signals"][0]["points"]) > 500
print("ok")
PY
check "says what is in the log" says ok
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || { echo "skip: no browser" && exit $bad; }
HOME=$work timeout 120 "$browser" --headless --no-sandbox --disable-gpu --enable-logging=stderr --virtual-time-budget=10000 \
    --user-data-dir="$work/profile" --dump-dom "file://$work/d.html" >"$work/dom" 2>"$work/console"
check "draws all its plots" grep -qE 'data-plots="[0-9]{3} [0-9]{3} [0-9]{3,4}"' "$work/dom"
check "marks can be hovered" test "$(grep -o 'title="2023-11-14 22:13:[^"]*can0: error frame' "$work/dom" | wc -l)" -eq 2
check "text stays text" grep -q 'Speed \[&lt;b&gt;\]' "$work/dom"
check "the console is silent" test "$(grep -c CONSOLE "$work/console")" -eq 0
# Keys zoom all plots together: a script of the test's own presses them on the second plot, and says what is shown then.
python3 - "$work/d.html" "$work/keys.html" <<'PY'
import re, sys
page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', '', open(sys.argv[1]).read())
open(sys.argv[2], "w").write(page.replace('</body>', """<script>(function () {
  var plots = document.querySelectorAll('.plot'), said = [];
  function shown() {
    return [].map.call(plots, function (p) { return p.querySelector('.dygraph-axis-label-x').textContent; })
      .filter(function (t, i, all) { return all.indexOf(t) === i; }).join('|');
  }
  ['', '+', 'ArrowRight', '0'].forEach(function (key) {
    plots[1].dispatchEvent(new KeyboardEvent('keydown', { key: key }));
    said.push(shown());
  });
  document.body.setAttribute('data-zoom', said.length + (said[0] === said[3] && said[0] !== said[1] && said[1] !== said[2] &&
    said.join().indexOf('|') < 0 ? ' well' : said.join(' ')));
})();</script></body>"""))
PY
HOME=$work timeout 120 "$browser" --headless --no-sandbox --disable-gpu --virtual-time-budget=10000 \
    --user-data-dir="$work/profile" --dump-dom "file://$work/keys.html" >"$work/dom" 2>/dev/null
check "keys zoom all plots" grep -q 'data-zoom="4 well"' "$work/dom"
exit $bad
