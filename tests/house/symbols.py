"""What is public, from its three sources: the headers' CANP_API declarations, the symbol map, the shared library.

usage: symbols.py check SOURCE_DIR LIBRARY [STATIC_LIBRARY]    complains of each difference; status 1 when there is one
       symbols.py map SOURCE_DIR                                prints the map that the headers ask for
"""
import os
import re
import subprocess
import sys

NODES = {"pools": "CANP_POOLS_0.1", "canp": "CANP_0.1"}


def declared(source):
    """{symbol: node} of every CANP_API declaration; headers under canp/pools/ are a part of their own."""
    found = {}
    places = [os.path.join(source, room, "include") for room in ("pools", "engine", "capture")]
    files = [os.path.join(folder, name) for place in places for folder, _, names in os.walk(place) for name in names]
    files.append(os.path.join(source, "pools/version.h.in"))
    for path in files:
        text = re.sub(r"/\*.*?\*/", " ", open(path, encoding="utf-8").read(), flags=re.S)
        text = re.sub(r"^[ \t]*#[ \t]*define(?:[^\n]*\\\n)*[^\n]*\n", "\n", text, flags=re.M)
        node = NODES["pools" if "/canp/pools/" in path else "canp"]
        for declaration in re.findall(r"\bCANP_API\b([^;{]*)[;{]", text):
            names = re.findall(r"\b(canp_\w+)\s*\(", declaration) or re.findall(r"(\w+)\s*(?:\[\w*\])?$", declaration.strip())
            if not names:
                sys.exit(f"{path}: what does this declare? {declaration}")
            found[names[0]] = node
    return found


def mapped(source):
    """{symbol: node} of the map; what it is wrong about its form ends the run."""
    text = re.sub(r"/\*.*?\*/", " ", open(os.path.join(source, "engine/libcanp.map"), encoding="utf-8").read(), flags=re.S)
    found = {}
    for node, body in re.findall(r"(\w[\w.]*)\s*\{(.*?)\}", text, flags=re.S):
        public = re.sub(r"local:.*", "", body, flags=re.S).replace("global:", "")
        for symbol in re.split(r"[;\s]+", public):
            if "*" in symbol:
                sys.exit(f"the map has a wildcard: {symbol}")
            if symbol in found:
                sys.exit(f"the map has {symbol} twice")
            if symbol:
                found[symbol] = node
    return found


def exported(library):
    """{symbol: node} as the dynamic linker sees it."""
    lines = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout
    found = {}
    for line in lines.splitlines():
        kind, symbol = line.split()[-2:]
        if kind != "A":
            name, _, node = symbol.partition("@@")
            found[name] = node
    return found


def without_prefix(archive):
    """Global symbols of the static library that could meet those of a program."""
    lines = subprocess.run(["nm", "-g", "--defined-only", archive], check=True, capture_output=True, text=True).stdout
    fields = (line.split() for line in lines.splitlines())
    return sorted({f[2] for f in fields if len(f) == 3 and not f[2].startswith("canp_")})


def compare(said, here, there):
    wrong = 0
    for symbol in sorted(here.keys() | there.keys()):
        if here.get(symbol) != there.get(symbol):
            print(f"{symbol}: {said[0]}: {here.get(symbol, 'not there')}; {said[1]}: {there.get(symbol, 'not there')}")
            wrong += 1
    return wrong


def print_map(symbols):
    print("/* Exported symbols, one node per release; tests/house/test_symbols.sh holds them against the headers.\n"
          " * A later release adds nodes, and changes nothing of those that are here. Until this one is out, after a change of\n"
          " * public functions: python3 tests/house/symbols.py map . >map && mv map engine/libcanp.map\n"
          " * <canp/pools/...> is a part of its own, with a node of its own (pools/README.md). */")
    for node in NODES.values():
        print(f"{node} {{\nglobal:")
        for symbol in sorted(s for s in symbols if symbols[s] == node):
            print(f"    {symbol};")
        print("};\n" if node != NODES["canp"] else "local:\n    *;\n};")


def main():
    command, source = sys.argv[1:3]
    headers = declared(source)
    if command == "map":
        print_map(headers)
        return 0
    in_map, in_library = mapped(source), exported(sys.argv[3])
    wrong = compare(("headers", "map"), headers, in_map) + compare(("map", "library"), in_map, in_library)
    foreign = without_prefix(sys.argv[4]) if len(sys.argv) > 4 else []
    for symbol in foreign:
        print(f"{symbol}: a global symbol without canp_")
    print(f"{len(in_library)} exported symbols")
    return 1 if wrong or foreign or len(in_library) < 100 else 0


sys.exit(main())
