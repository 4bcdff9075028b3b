"""The rooms' rules, checked by includes and by the object files' symbols.

  direction   a room or sub-room uses what is below it alone (ORDER)
  silence     below tools/ nothing speaks, exits, aborts or handles signals (FORBIDDEN)
  circles     no file of a room needs itself by way of others; a header and the source of the same stem are one,
              public headers stand for themselves

usage: rooms.py SOURCE_DIR BUILD_DIR [UNIT=OBJECT]...    prints each violation; status 1 when there is one
A copy of the tree is judged with the objects of the original when BUILT_FROM in the environment names that.
"""
import json
import os
import re
import subprocess
import sys

# What each sub-room may use besides itself, public headers and all of the rooms below. "dbc/": all sub-rooms of dbc.
ENGINE = {"frame": [], "segment": ["frame"], "pack": ["frame", "segment"], "read": ["frame", "segment", "pack"]}
ENGINE["write"] = ENGINE["read"] + ["read"]
ENGINE["blocks"] = ENGINE["read"] + ["read"]
ENGINE["replay"] = ["frame", "read", "formats"]
ENGINE["dbc/base"] = ["frame"]
ENGINE["dbc/parse"] = ["frame", "dbc/base"]
ENGINE["dbc/decode"] = ["frame", "dbc/base", "dbc/parse"]
ENGINE["dbc/transport"] = ["frame", "dbc/parse", "dbc/decode"]
ENGINE["columns"] = ["frame", "read", "dbc/", "formats"]
ENGINE["formats"] = ENGINE["write"] + ["write", "formats/"]
# A format uses the seam and what formats share, and another format only where that is said here.
ENGINE["formats/bytes"] = ["frame"]
ENGINE["formats/text"] = ["frame", "formats", "formats/bytes"]
for one in ["asc", "blf", "candump", "db", "lines", "mf4", "pcap"]:
    ENGINE["formats/" + one] = ENGINE["formats/text"] + ["formats/text"]
ENGINE["formats/blf"] += ["formats/asc"]
ENGINE["formats/mf4"] += ["formats/blf"]
CAPTURE = {"link": [], "intake": ["link"], "rx": ["link", "intake"]}
CAPTURE["send"] = ["link"]
CAPTURE["record/losses"] = ["intake"]
CAPTURE["record/windows"] = ["intake"]
CAPTURE["record/state"] = ["link", "intake", "rx", "record/losses", "record/windows"]
CAPTURE["record/flush"] = CAPTURE["record/state"] + ["record/state"]
CAPTURE["record"] = ["link", "intake", "rx", "record/"]
ORDER = {"pools": {}, "engine": ENGINE, "capture": CAPTURE}
ROOMS = list(ORDER)  # lowest first
BUILT_FROM = os.path.realpath(os.environ["BUILT_FROM"]) if "BUILT_FROM" in os.environ else None

FORBIDDEN = re.compile(r"^_{0,2}(printf|fprintf|vprintf|vfprintf|puts|fputs|putchar|fputc|putc|perror|fwrite|fopen|fdopen"
                       r"|fflush|exit|_exit|_Exit|quick_exit|abort|raise|signal|sigaction|err|errx|warn|warnx|syslog)(_chk)?$"
                       r"|^(stdout|stderr|stdin)$")
# The handler of SIGBUS is installed for programs that ask for it: canp_sigbus_guard_install().
ALLOWED = {("pools/sigbus", "sigaction"), ("pools/sigbus", "signal"), ("pools/sigbus", "raise")}


def files(source, room):
    for folder, _, names in os.walk(os.path.join(source, room)):
        for name in names:
            if name.endswith((".c", ".h")):
                yield os.path.relpath(os.path.join(folder, name), source)


def unit(path):
    return os.path.splitext(path)[0]


def includes(source, path, known):
    """Files of the rooms that this one includes: beside it, from its room's root, or public."""
    room = path.split("/")[0]
    for line in open(os.path.join(source, path), encoding="utf-8"):
        found = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
        if not found:
            continue
        name = found[2]
        places = [f"{r}/include/{name}" for r in ROOMS] + [f"{r}/private/{name}" for r in ROOMS]
        if found[1] == '"':
            places = [os.path.normpath(os.path.join(os.path.dirname(path), name)), f"{room}/{name}"] + \
                     [f"{r}/{name}" for r in ROOMS] + places
        target = next((p for p in places if p in known), None)
        if target:
            yield target, name


def objects_of(build, source, added):
    """{unit: object file} of what the build compiled of the rooms (no leftover of a file that has moved)."""
    found = {}
    for entry in json.load(open(os.path.join(build, "compile_commands.json"), encoding="utf-8")):
        path = os.path.relpath(entry["file"], source)
        if path.split("/")[0] in ROOMS:
            found[unit(path)] = os.path.join(entry["directory"], re.search(r" -o (\S+)", entry["command"])[1])
    return {**found, **dict(one.split("=") for one in added)}


def symbols(objects):
    """{unit: (needed, defined)}, by one call of nm for all of them."""
    out = subprocess.run(["nm", "-A", *objects.values()], check=True, capture_output=True, text=True).stdout
    by_path = {path: (set(), set()) for path in objects.values()}
    for line in out.splitlines():
        path, rest = line.split(":", 1)
        kind, symbol = rest.split()[-2:]
        if kind.isupper():
            by_path[path][kind != "U"].add(symbol)
    return {name: by_path[path] for name, path in objects.items()}


def place(path):
    """(room, sub-room) of a unit: sub-room None for public headers and files at the room's root."""
    room, _, folder = os.path.dirname(path).partition("/")
    return room, None if folder.split("/")[0] in ("", "include", "private") else folder


def may_use(user, used):
    (room, sub), (other, other_sub) = place(user), place(used)
    if room != other:
        return ROOMS.index(other) < ROOMS.index(room)
    if sub == other_sub or other_sub is None or room == "pools":
        return True
    allowed = ORDER[room].get(sub, [])
    return other_sub in allowed or any(one.endswith("/") and other_sub.startswith(one) for one in allowed)


def circles(edges):
    """Strongly connected parts of more than one unit (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(v):
        index[v] = low[v] = len(index)
        stack.append(v)
        for w in edges.get(v, {}):
            if w not in index:
                visit(w)
                low[v] = min(low[v], low[w])
            elif w in stack:
                low[v] = min(low[v], index[w])
        if low[v] == index[v]:
            part = [stack.pop()]
            while part[-1] != v:
                part.append(stack.pop())
            if len(part) > 1:
                found.append(sorted(part))

    for v in sorted(edges):
        if v not in index:
            visit(v)
    return found


def judge_circles(edges):
    for part in circles(edges):
        yield "circle: " + " ".join(part)
        for a in part:
            yield from (f"    {a} -> {b}: {why}" for b, why in edges[a].items() if b in part)


def judge_includes(source, edges):
    known = {path for room in ROOMS for path in files(source, room)}
    for path in sorted(known):
        edges.setdefault(unit(path), {})
        for target, name in includes(source, path, known):
            if "../" in name:
                yield f"direction: {path} includes {name}: by its path from the room's root, please"
            if not may_use(path, target):
                yield f"direction: {path} includes {name}"
            if unit(target) != unit(path):
                edges[unit(path)].setdefault(unit(target), "includes " + name)


def judge_symbols(objects, edges):
    of = symbols(objects)
    home = {symbol: name for name, (_, defined) in of.items() for symbol in defined}
    for name, (needed, _) in of.items():
        for symbol in sorted(needed):
            target = home.get(symbol)
            if target and not may_use(name, target):
                yield f"direction: {name} uses {symbol} of {target}"
            if target and target != name:
                edges.setdefault(name, {}).setdefault(target, "uses " + symbol)
            if symbol.startswith("canp_") and not target:
                yield f"direction: {name} uses {symbol}, which no room below tools/ has"
            if FORBIDDEN.match(symbol) and (name, symbol) not in ALLOWED:
                yield f"silence: {name} uses {symbol}"


def main():
    source, build, added = os.path.realpath(sys.argv[1]), sys.argv[2], sys.argv[3:]
    sys.setrecursionlimit(10000)
    edges = {}
    objects = objects_of(build, BUILT_FROM or source, added)
    wrong = [*judge_includes(source, edges), *judge_symbols(objects, edges)]
    wrong += judge_circles(edges)
    print("\n".join(wrong) if wrong else f"{len(objects)} object files of {len(ROOMS)} rooms: all rules kept")
    return 1 if wrong or len(objects) < 50 else 0


sys.exit(main())
