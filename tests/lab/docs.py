"""Runs the commands of a page of tools/docs, in their order, in the current directory.

A fenced block marked `sh` is run, a command at a time, by bash; a line <!-- run: by hand --> in front of it leaves it out,
<!-- run: prepare --> is for the test alone (a page then shows it, too: it is how its recording came about). A command that
is to be ended by Ctrl-C or q, as its comment says, gets just that after a while. It passes when it ends with 0, or with
the status that its comment names: (status 1 ...).

usage: docs.py PAGE...; what it needs must be in PATH. Prints `ok` or `not ok` for each page.
"""
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

LONGEST_S = 120
STOPPED_AFTER_S = 3


def commands(page):
    """The commands of the page's blocks, with their comments; a here-document belongs to its command."""
    marker, block = "", None
    for line in open(page, encoding="utf-8"):
        line = line.rstrip("\n")
        if block is None and line == "```sh":
            block = []
        elif block is not None and line == "```":
            if marker != "by hand":
                yield from joined(block)
            marker, block = "", None
        elif block is not None:
            block.append(line)
        elif line.startswith("<!-- run: "):
            marker = line[len("<!-- run: "):-len(" -->")]


def joined(lines):
    lines = iter(lines)
    for line in lines:
        here = re.search(r"<<'(\w+)'", line)
        while here and not line.endswith("\n" + here[1]):
            line += "\n" + next(lines)
        if line:
            yield line


def run_on_terminal(command):
    """For what is ended by its key: q, after a while."""
    pid, tty = pty.fork()
    if pid == 0:
        os.execvp("bash", ["bash", "-c", command])
    said, end, asked = b"", time.monotonic() + LONGEST_S, False
    begin = time.monotonic()
    while time.monotonic() < end:
        if select.select([tty], [], [], 0.2)[0]:
            try:
                said += os.read(tty, 65536)
            except OSError:
                break
        if not asked and time.monotonic() - begin > STOPPED_AFTER_S:
            os.write(tty, b"q")
            asked = True
    else:
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said


def run(command):
    """One that is to be ended by Ctrl-C is, some seconds after it first said something."""
    process = subprocess.Popen(["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               stdin=subprocess.DEVNULL, start_new_session=True,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    said, kill_at = b"", time.monotonic() + LONGEST_S
    stop_at = kill_at
    while True:
        if select.select([process.stdout], [], [], 0.2)[0]:
            new = os.read(process.stdout.fileno(), 65536)
            if not new:
                return process.wait(), said
            if not said and "# Ctrl-C ends" in command:
                stop_at = time.monotonic() + STOPPED_AFTER_S
            said = (said + new)[-4096:]
        if time.monotonic() > stop_at:
            os.killpg(process.pid, signal.SIGINT)
            stop_at = kill_at
        if time.monotonic() > kill_at:
            os.killpg(process.pid, signal.SIGKILL)


def run_page(page):
    background, count = [], 0
    try:
        for command in commands(page):
            if re.search(r"&\s*(#.*)?$", command):
                background.append(subprocess.Popen(["bash", "-c", command.split(" &")[0]], start_new_session=True,
                                                   stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
                continue
            wanted = re.search(r"\(status (\d)", command)
            status, said = (run_on_terminal if "q ends" in command else run)(command)
            if status != (int(wanted[1]) if wanted else 0):
                return f"`{command}` ended with {status}: {said.decode(errors='replace')[-300:]!r}"
            count += 1
    finally:
        for process in background:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
    return count


def main():
    bad = 0
    for page in sys.argv[1:]:
        result = run_page(page)
        name = os.path.basename(page)
        if isinstance(result, str):
            print(f"not ok {name}: {result}", flush=True)
            bad = 1
        elif result:
            print(f"ok {name}: {result} commands", flush=True)
    return bad


sys.exit(main())
