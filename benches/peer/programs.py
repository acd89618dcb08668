"""What `compare.py`, `gpu.py` and `growth.py` share: the shapes, the two programs, and how their answers become
figures and tables."""

import ctypes
import json
import os
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Loaded ahead, for a new process should do no more than it must.
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
HERE = Path(__file__).resolve().parent
SHAPES = {
    "tiny": dict(size=32, base=8, blocks=2, batch=4),
    "64 px": dict(size=64, base=32, blocks=6, batch=8),
    "128 px": dict(size=128, base=64, blocks=6, batch=4),
}
# Of StarGAN v2: 2 domains, and styles, noise and mapping as wide as the paper's.
STYLE_SHAPES = {
    "64 px": dict(size=64, base=32, most=128, batch=8),
    "128 px": dict(size=128, base=16, most=64, batch=8),
}


class Stopped(SystemExit):
    """A program ended before it answered; says what it last wrote to its standard error. Ends a script that does
    not catch it with that message."""


class Refused(Stopped):
    """A program ended as for a wrong command line: it can't do what it was asked, here or at all."""


class Late(Stopped):
    """A program did not answer in time and was killed."""


class Program:
    """A program that answers one JSON line with another. It and what it starts end with this process."""

    def __init__(self, command, **options):
        self.errors = tempfile.TemporaryFile(mode="w+", errors="replace")
        self.heard = b""
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            bufsize=0,
            preexec_fn=own_group,
            **options,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def ask(self, within=None, **request):
        """The answer to a request. A program that needs more than `within` seconds for it is killed."""
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
        except BrokenPipeError:
            pass  # it has stopped, and its answer says so
        end = within and time.monotonic() + within
        while True:
            try:
                return json.loads(self.line(end))
            except ValueError:
                pass  # a library's remark

    def line(self, end):
        while b"\n" not in self.heard:
            left = None if end is None else max(0.0, end - time.monotonic())
            if not select.select([self.process.stdout], [], [], left)[0]:
                self.kill()
                raise Late(self.last_words("said nothing"))
            more = os.read(self.process.stdout.fileno(), 1 << 16)
            if not more:
                ending = Refused if self.process.wait() == 2 else Stopped
                raise ending(self.last_words())
            self.heard += more
        line, _, self.heard = self.heard.partition(b"\n")
        return line

    def last_words(self, otherwise="stopped without a word"):
        """The message of a Rust panic, or else the last line that names an error, of a program that has ended."""
        self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().splitlines() or [otherwise]
        panics = [message for line, message in zip(lines, lines[1:]) if "panicked at" in line]
        errors = [line.removeprefix("error: ") for line in lines if "rror: " in line]
        return f"{Path(self.process.args[0]).name}: {(panics or errors or lines)[-1]}"

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def close(self, within=None):
        """Lets the program end, or kills it where it does not within as many seconds."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self.process.wait(within)
        except subprocess.TimeoutExpired:
            pass
        if within is not None:
            self.kill()
        self.process.stdout.close()
        self.errors.close()


def own_group():
    """Makes a new process one that can be killed with all it starts, and that Linux kills when its parent dies."""
    os.setpgrp()
    if LIBC is not None:
        LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def build(features=""):
    """The benchmark program that cargo makes."""
    command = ["cargo", "bench", "--bench", "peer", "--no-run", "--message-format", "json"]
    command += ["--features", features] if features else []
    lines = subprocess.run(command, cwd=HERE.parent.parent, check=True, stdout=subprocess.PIPE, text=True).stdout
    messages = [json.loads(line) for line in lines.splitlines()]
    return next(m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == "peer")


def peer(*options):
    """The command of PyTorch's program."""
    return [sys.executable, str(HERE / "steps.py"), *options]


def quantities(work, times):
    """What a list of times says: name and milliseconds."""
    if work != "cycle":
        return {work: statistics.median(times)}
    *without, last = times
    d = statistics.median(without)
    # The last iteration has the same D step and the G step.
    return {"D step": d, "G step": last - d, "iteration": (sum(without) + last) / len(times)}


def measure(programs, work, rounds, request):
    """Asks the programs in turn; by quantity, the median of each program in milliseconds."""
    found = [{} for _ in programs]
    for round in range(rounds + 1):
        for values, program in zip(found, programs):
            for name, value in quantities(work, program.ask(do=work, **request)).items():
                if round:  # the first one warms up
                    values.setdefault(name, []).append(value)
    return {name: [statistics.median(values[name]) for values in found] for name in found[0]}


class Table:
    """A Markdown table, printed row by row as it is found."""

    def __init__(self, *columns):
        self.columns, self.rows = columns, []
        self.lines = []
        self.emit(columns)
        self.emit(["---"] * len(columns), "")

    def row(self, *cells):
        self.rows.append(cells)
        self.emit(cells)

    def emit(self, cells, space=" "):
        self.lines.append(f"|{space}" + f"{space}|{space}".join(map(str, cells)) + f"{space}|")
        print(self.lines[-1], flush=True)
