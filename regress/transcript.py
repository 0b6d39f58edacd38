#!/usr/bin/env python3
"""Plays a transcript in the bed, on a terminal, and says where it differs.

usage: transcript.py [--write] FILE

`vm1$ COMMAND` is given to a shell in that VM, `dom0# COMMAND` to one in dom0.
What follows is what the terminal shows, and `[N]` the exit status where it is
not 0.  `{{TEXT}}` in it is typed, and echoed; `{{!TEXT}}` is typed, and not.
A line `mask REGEX => TEXT` changes what each command shows before it is
compared; `#` begins a comment between commands.  With --write, what is shown
is written into the file, to be read by a person.
"""

import difflib
import os
import pty
import re
import select
import signal
import sys
import time

BED = os.environ["BED"]
RUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bed")
MASKS = [
    (r"\r\n", "\n"),
    (re.escape(BED), ""),
    (r"\b\d{8}-\d{6}-\d+-[0-9a-f]{8}\b", "ID"),
    (r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z?", "TIME"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UUID"),
    (r"\b[0-9a-f]{64}\b", "HEX64"),
    (r"\b[0-9a-f]{16}\b", "HEX16"),
]
PROMPT = re.compile(r"(?:(vm\d+)\$|dom0#) (.*)$")
TYPED = re.compile(r"\{\{(!?)(.*?)\}\}")
DEADLINE = 30


def masked(text, masks):
    for regex, by in MASKS + masks:
        text = re.sub(regex, by, text)
    return text


class Terminal:
    """A command on a terminal of its own, and what it has shown."""

    def __init__(self, vm, command):
        words = ["run", vm] if vm else ["dom0"]
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(RUN, [RUN, *words, "sh", "-c", command])
        self.shown = b""
        self.end = time.monotonic() + DEADLINE

    def read(self):
        """More of it: False at its end."""
        left = self.end - time.monotonic()
        if left <= 0 or not select.select([self.fd], [], [], left)[0]:
            os.kill(self.pid, signal.SIGKILL)
            sys.exit(f"no end after {DEADLINE} s: {self.shown!r}")
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # EIO: nobody has the terminal open
            data = b""
        self.shown += data
        return data != b""

    def text(self, masks):
        return masked(self.shown.decode("utf-8", "backslashreplace"), masks)

    def type(self, line):
        os.write(self.fd, line.encode() + b"\n")

    def wait(self):
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)
        return status


def play(vm, command, wanted, masks):
    """What it shows, and what was typed, as the transcript has it."""
    terminal, typings, at = Terminal(vm, command), [], 0
    for typed in TYPED.finditer(wanted):
        prompt = wanted[at:typed.start()].rsplit("\n", 1)[-1]
        at = typed.end()
        while not terminal.text(masks).endswith(prompt) and terminal.read():
            pass
        typings.append((len(terminal.text(masks)), typed))
        terminal.type(typed[2])
    while terminal.read():
        pass
    shown, status = terminal.text(masks), terminal.wait()
    for position, typed in reversed(typings):
        echoed = 0 if typed[1] else len(typed[2])
        shown = shown[:position] + typed[0] + shown[position + echoed:]
    shown = shown.rstrip("\n")
    shown += "\n" if shown else ""
    return shown + (f"[{status}]\n" if status else "")


def parse(text):
    """Pieces of it: (line, wanted); wanted None where nothing is run."""
    start = re.compile(r"(?m)^(?=vm\d+\$ |dom0# |# |mask )")
    for piece in start.split(text):
        line, _, rest = piece.partition("\n")
        wanted = rest.rstrip("\n")
        wanted += "\n" if wanted else ""
        if not PROMPT.match(line):
            yield piece, "", None
        else:
            yield line + "\n", rest[len(wanted):], wanted


def main(path, write):
    with open(path, encoding="utf-8") as f:
        before = f.read()
    after, played, masks = "", 0, []
    for line, blank, wanted in parse(before):
        after += line
        if wanted is None:
            if line.startswith("mask "):
                masks.append(tuple(line[5:].rstrip("\n").split(" => ")))
            continue
        after += play(*PROMPT.match(line.rstrip("\n")).groups(), wanted, masks)
        after += blank
        played += 1
    if write:
        with open(path, "w", encoding="utf-8") as f:
            f.write(after)
    elif after != before:
        sys.exit("".join(difflib.unified_diff(
            before.splitlines(True), after.splitlines(True), path, "shown")))
    elif played == 0:
        sys.exit(f"{path}: no command")


if __name__ == "__main__":
    main(sys.argv[-1], sys.argv[1:-1] == ["--write"])
