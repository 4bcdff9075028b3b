"""Plots as SVG, with the standard library alone: lines over a log or linear axis, and labelled points. Readable on a
light and on a dark page: text and lines take their colours from the page's preference."""
import math
from html import escape

WIDTH, HEIGHT = 880, 440
LEFT, RIGHT, TOP, BOTTOM = 76, 215, 56, 62
COLOURS = (  # on a light page, on a dark one
    ("#0b62d6", "#6ea8fe"), ("#d9480f", "#ff8a5c"), ("#d99600", "#ffd24d"), ("#2b8a3e", "#69db7c"), ("#9c36b5", "#da8cf0"),
    ("#868e96", "#a7afb8"), ("#5c6770", "#c3cad1"), ("#343a40", "#e9ecef"), ("#0c8599", "#3bc9db"), ("#c2255c", "#faa2c1"))


def colours(page):
    return " ".join(f".line.s{n} {{ stroke: {c[page]} }} .dot.s{n} {{ fill: {c[page]} }}" for n, c in enumerate(COLOURS))


STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #333 }
.title { font-size: 16px; font-weight: 600; fill: #111 }
.small { font-size: 11.5px; fill: #666 }
.page { fill: #fff }
.grid { stroke: #ddd; stroke-width: 1 }
.axis { stroke: #888; stroke-width: 1 }
.line { fill: none; stroke-width: 2; stroke-linejoin: round }
@LIGHT@
.bold { stroke-width: 3.5 } .dash { stroke-dasharray: 5 4 }
@media (prefers-color-scheme: dark) {
  text { fill: #ccc } .title { fill: #f2f2f2 } .small { fill: #999 } .page { fill: #16181c }
  .grid { stroke: #30343b } .axis { stroke: #777 }
@DARK@
}
""".replace("@LIGHT@", colours(0)).replace("@DARK@", colours(1))


def number(value):
    """1500 -> 1.5k; 0.02 -> 0.02"""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.3g}"


class Axis:
    def __init__(self, label, low, high, log=False, ticks=None):
        self.label, self.log = label, log
        if log:
            low, high = math.log10(low), math.log10(high)
            self.marks = ticks or [m * 10.0**e for e in range(math.floor(low), math.ceil(high) + 1) for m in (1, 2, 5)]
            if not ticks and high - low > 2.5:
                self.marks = [10.0**e for e in range(math.floor(low), math.ceil(high) + 1)]
        else:
            step = 10 ** math.floor(math.log10((high - low) / 4))
            step *= next(m for m in (1, 2, 5, 10) if (high - low) / (step * m) <= 6)
            high = math.ceil(high / step - 1e-9) * step
            self.marks = ticks or [low + step * n for n in range(round((high - low) / step) + 1)]
        self.low, self.high = low, high

    def share(self, value):
        value = math.log10(value) if self.log else value
        return (value - self.low) / (self.high - self.low)

    def shown(self):
        return [m for m in self.marks if -1e-9 <= self.share(m) <= 1 + 1e-9]


class Plot:
    """add_line() and add_point() in the order of the legend; write() at the end."""

    def __init__(self, title, subtitle, x, y):
        self.title, self.subtitle, self.x, self.y = title, subtitle, x, y
        self.parts, self.legend = [], []

    def place(self, x, y):
        width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        return LEFT + self.x.share(x) * width, HEIGHT - BOTTOM - self.y.share(y) * height

    def text(self, x, y, text, extra=""):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" {extra}>{escape(text)}</text>')

    def add_line(self, name, points, colour, style=""):
        if not points:
            return
        places = [self.place(*p) for p in points]
        path = " ".join(f"{'L' if i else 'M'}{x:.1f} {y:.1f}" for i, (x, y) in enumerate(places))
        self.parts.append(f'<path class="line s{colour} {style}" d="{path}"/>')
        for (x, y), value in zip(places, points):
            self.parts.append(f'<circle class="dot s{colour}" cx="{x:.1f}" cy="{y:.1f}" r="4"><title>'
                              f'{escape(name)}: {number(value[0])}, {number(value[1])}</title></circle>')
        self.legend.append((name, colour, style))

    def add_point(self, name, x, y, colour, anchor="start"):
        px, py = self.place(x, y)
        self.parts.append(f'<circle class="dot s{colour}" cx="{px:.1f}" cy="{py:.1f}" r="6"/>')
        self.text(px + (10 if anchor == "start" else -10), py + 4, name, f'text-anchor="{anchor}"')

    def frame(self):
        parts, (x0, y0), (x1, y1) = [], (LEFT, HEIGHT - BOTTOM), (WIDTH - RIGHT, TOP)
        for mark in self.x.shown():
            x = LEFT + self.x.share(mark) * (x1 - x0)
            parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{y0}" y2="{y1}"/>')
            parts.append(f'<text x="{x:.1f}" y="{y0 + 19}" text-anchor="middle">{number(mark)}</text>')
        for mark in self.y.shown():
            y = y0 - self.y.share(mark) * (y0 - y1)
            parts.append(f'<line class="grid" x1="{x0}" x2="{x1}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(f'<text x="{x0 - 8}" y="{y + 4:.1f}" text-anchor="end">{number(mark)}</text>')
        parts.append(f'<path class="axis" fill="none" d="M{x0} {y1} V{y0} H{x1}"/>')
        parts.append(f'<text x="{(x0 + x1) / 2}" y="{HEIGHT - 18}" text-anchor="middle">{escape(self.x.label)}</text>')
        middle = (y0 + y1) / 2
        parts.append(f'<text x="18" y="{middle}" text-anchor="middle" transform="rotate(-90 18 {middle})">'
                     f'{escape(self.y.label)}</text>')
        return parts

    def key(self):
        parts = []
        for n, (name, colour, style) in enumerate(self.legend):
            y = TOP + 12 + 22 * n
            parts.append(f'<path class="line s{colour} {style}" d="M{WIDTH - RIGHT + 18} {y} h26"/>')
            parts.append(f'<circle class="dot s{colour}" cx="{WIDTH - RIGHT + 31}" cy="{y}" r="4"/>')
            parts.append(f'<text x="{WIDTH - RIGHT + 52}" y="{y + 4}">{escape(name)}</text>')
        return parts

    def write(self, path):
        head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
                f'aria-label="{escape(self.title)}">\n<style>{STYLE}</style>\n'
                f'<rect class="page" width="{WIDTH}" height="{HEIGHT}"/>\n'
                f'<text class="title" x="{LEFT}" y="26">{escape(self.title)}</text>\n'
                f'<text class="small" x="{LEFT}" y="44">{escape(self.subtitle)}</text>\n')
        with open(path, "w") as f:
            f.write(head + "\n".join(self.frame() + self.parts + self.key()) + "\n</svg>\n")
