"""python -m canp RECORDING...: what is in recordings and logs; without one, versions and where libcanp is."""
from __future__ import annotations

import argparse
import sys

import canp
from canp._lib import lib


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m canp", description="What is in recordings and logs of CAN.")
    parser.add_argument("path", nargs="*", help="a recording, or a log of any format")
    parser.add_argument("--version", action="version", version=canp.__version__)
    arguments = parser.parse_args()
    try:
        if not arguments.path:
            print(f"canp {canp.__version__}, libcanp {lib.path()}; formats: {' '.join(canp.formats())}")
        for path in arguments.path:
            show(path)
    except (OSError, ImportError) as error:
        print(f"canp: {getattr(error, 'strerror', None) or error}", file=sys.stderr)
        return 1
    return 0


def show(path: str) -> None:
    try:
        with canp.Reader(path) as reader:
            print(repr(reader))
            for one in reader.interface_stats():
                print(f"  {one.interface:15} {one.frames:12,} frames {one.lost:8,} lost")
    except canp.FormatError:  # no recording: another log
        print(repr(canp.read(path)))


if __name__ == "__main__":
    sys.exit(main())
