"""A terminal's text as SVG. usage: terminal_svg.py COMMAND <SCREEN >FILE.svg"""
import sys
from html import escape

CELL, LINE, MARGIN = 7.85, 17, 14  # of a font of 13 px
command, rows = sys.argv[1], sys.stdin.read().rstrip("\n").split("\n")
keys = rows.pop()  # the last row, what keys do
while rows and not rows[-1].strip():
    rows.pop()
rows = [command, *rows, "", keys]
columns = max(len(row) for row in rows)
width, height = columns * CELL + 2 * MARGIN, len(rows) * LINE + 2 * MARGIN
print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" role="img">')
print(f"<title>{escape(command[2:])}</title>")
print("<style>text { font: 13px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; fill: #d7dde4; white-space: pre }"
      " .head { fill: #14181d } .key { fill: #8d98a5 } .first { fill: #8ddb8c }</style>")
print(f'<rect width="100%" height="100%" rx="8" fill="#14181d"/>')
for n, row in enumerate(rows):
    base = MARGIN + n * LINE + 13
    kind = "first" if n == 0 else "key" if n == len(rows) - 1 else "head" if row.startswith("interface ") else ""
    if kind == "head":
        print(f'<rect x="{MARGIN}" y="{base - 13}" width="{columns * CELL:.0f}" height="{LINE}" fill="#d7dde4"/>')
    if row.strip():
        print(f'<text x="{MARGIN}" y="{base}" class="{kind}" textLength="{len(row) * CELL:.1f}" lengthAdjust="spacingAndGlyphs"'
              f' xml:space="preserve">{escape(row)}</text>')
print("</svg>")
