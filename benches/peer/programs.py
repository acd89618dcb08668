"""What `compare.py`, `gpu.py` and `growth.py` share: the shapes, the two programs, and how their answers become
figures and tables."""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SHAPES = {
    "tiny": dict(size=32, base=8, blocks=2, batch=4),
    "64 px": dict(size=64, base=32, blocks=6, batch=8),
    "128 px": dict(size=128, base=64, blocks=6, batch=4),
}


class Stopped(SystemExit):
    """A program ended before it answered; says what it last wrote to its standard error. Ends a script that does
    not catch it with that message."""


class Program:
    """A program that answers one JSON line with another."""

    def __init__(self, command, **options):
        self.errors = tempfile.TemporaryFile(mode="w+", errors="replace")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True, **options
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def ask(self, **request):
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it has stopped, and its answer says so
        answer = self.process.stdout.readline()
        if not answer:
            raise Stopped(self.last_words())
        return json.loads(answer)

    def last_words(self):
        """The message of a Rust panic, or else the last line that names an error."""
        self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().splitlines() or ["stopped without a word"]
        panics = [message for line, message in zip(lines, lines[1:]) if "panicked at" in line]
        errors = [line.removeprefix("error: ") for line in lines if "rror: " in line]
        return f"{Path(self.process.args[0]).name}: {(panics or errors or lines)[-1]}"

    def close(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.wait()
        self.errors.close()


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
