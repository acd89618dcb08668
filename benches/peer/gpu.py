"""Everything that is measured on a GPU, from one benchmark program that may have been built elsewhere, on a machine
that one has for a quarter of an hour.

    pip install torch
    python benches/peer/gpu.py --program ./peer --minutes 9
    python benches/peer/gpu.py --program ./peer --minutes 9       again: continues

REPORT.md and REPORT.json in the folder of `--report` have every row that is done, whenever this script is stopped. A
row that is there is not measured again; one whose program stopped or gave no answer in time is tried once more, by a
later call. plan.py has the rows by value, `--list` shows them with the seconds they are thought to take.

Fails when parity is beyond its tolerance or a row could not be done; what the device or the program refuses, and what
is left for want of time, is no failure.
"""

import argparse
import math
import os
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

import machine
import parity
import profiled
from plan import GPUS, SHAPES, TF32, plan
from programs import HERE, Late, Program, Refused, Stopped, build, peer, quantities
from report import Report, figure

FACES = HERE.parent.parent / "examples" / "data" / "faces"


class Run:
    """Asks for rows. The program of the last one is kept, for the next one may be of the same setup."""

    def __init__(self, arguments, program, caches, folder, report):
        self.arguments, self.program, self.caches, self.folder = arguments, program, caches, folder
        self.report = report
        self.end = time.monotonic() + 60 * arguments.minutes
        self.environment = {**os.environ, **caches.environment()}
        self.cuda = machine.cuda() if "cuda" in arguments.backends else ({}, "not asked for")
        self.setup = self.running = None

    def left(self):
        return self.end - time.monotonic()

    def start(self, setup):
        """A program of this setup, in place of the last one."""
        self.stop()
        if setup.ours:
            self.caches.unlock()
            environment = {**self.environment, **self.cuda[0], **dict(setup.environment)}
            command = [self.program, *setup.options]
            self.running = Program(command, cwd=self.caches.cubecl, env=environment)
        else:
            self.running = Program(peer("--device", self.arguments.device, *setup.options), env=self.environment)
        self.setup = setup

    def stop(self):
        if self.running:
            self.running.close(10)
        self.setup = self.running = None

    def row(self, row, most):
        """The values of a row and a note about it, within `most` seconds."""
        self.until = time.monotonic() + most
        if row.setup != self.setup or row.work.endswith("start"):
            self.start(row.setup)
        values = getattr(self, row.work.replace(" ", "_"))(row)
        return values if isinstance(values, tuple) else (values, "")

    def ask(self, **request):
        return self.running.ask(max(0.1, self.until - time.monotonic()), **request)

    def times(self, work, row):
        """Medians of rounds after two that warm up, or after one that took long; and how the last quantity, which is
        the iteration, was spread."""
        shape = SHAPES[row.shape]
        began = time.monotonic()
        self.ask(do=work, **shape)
        if time.monotonic() - began < 5:
            self.ask(do=work, **shape)
        found, began = {}, time.monotonic()
        for round in range(self.arguments.rounds):
            for name, value in quantities(work, self.ask(do=work, **shape)).items():
                values = found.setdefault(name, [])
                values.append(value)
            if time.monotonic() - began > 10 and round >= 2:
                break
        spread = {"rounds": len(values), "least": min(values), "most": max(values)}
        return {name: statistics.median(values) for name, values in found.items()} | spread

    def cycle(self, row):
        return self.times("cycle", row)

    def inference(self, row):
        return self.times("inference", row)

    def penalty(self, row):
        return self.times("penalty", row)

    def launches(self, row):
        counts = self.ask(do="launches", **SHAPES[row.shape])
        if counts is None:
            return {}, "not countable here"
        return {"launches of D": counts["d"], "launches of G": counts["g"]}

    def device_memory(self, row):
        most = self.ask(do="device_memory", **SHAPES[row.shape])
        return ({}, "not countable here") if most is None else {"device memory": most / 2**30}

    def profile(self, row):
        """Of a warm cycle, which must be waited for as a whole: what is profiled is written a little later."""
        log = self.caches.cubecl / profiled.FILE
        self.ask(do="cycle", **SHAPES[row.shape])
        before = written(log)
        self.ask(do="cycle", **SHAPES[row.shape])
        written(log)
        text = log.read_bytes()[before:].decode()
        file = f"profile-{re.sub('[^a-z0-9]+', '-', f'{row.shape} {row.setup.name}'.lower())}.md"
        (self.arguments.report / file).write_text("\n".join(profiled.table(text)) + "\n")
        return {"profiled": sum(milliseconds for milliseconds, *_ in profiled.kernels(text))}, f"see {file}"

    def started(self, row):
        began = time.monotonic()
        self.ask(do="inference", **SHAPES[row.shape])
        first = time.monotonic() - began
        self.ask(do="cycle", **SHAPES[row.shape])
        return {"first inference": first, row.work: time.monotonic() - began}

    def first_start(self, row):
        again = "" if self.caches.were_empty else "the caches held something already"
        return self.started(row), again

    def second_start(self, row):
        return self.started(row)

    def parity(self, row):
        shape, answers = SHAPES[row.shape], []
        flex = Program([self.program, "flex"], cwd=self.caches.cubecl, env=self.environment)
        try:
            within = max(0.1, self.until - time.monotonic())
            expected = flex.ask(within, do="update", folder=self.new("flex"), **shape)
        finally:
            flex.close(10)
        found = self.ask(do="update", folder=self.new("run"), **shape)
        rounds = row.setup.backend == "cuda" and not row.setup.environment
        tolerance = parity.TF32_TOLERANCE if rounds else parity.TOLERANCE
        roundings = self.report.rows.get(f"{row.shape} / {TF32.name} / rounding", {}).get("values", {})
        for what, error, where, allowed in parity.deviations(found, expected, tolerance):
            if rounds and "gradients" in what:
                # Squares are off by twice as much.
                error_of_pytorch, *_ = roundings.get(what.removeprefix("squared "), [0.0])
                allowed = max(allowed, (4 if what.startswith("squared") else 2) * error_of_pytorch)
            answers.append((what, (None if math.isnan(error) else error, allowed, where)))
        return dict(answers)

    def rounding(self, row):
        """How far PyTorch's gradients are off by TF32; ours may be twice as far."""
        worst = self.ask(do="rounding", **SHAPES[row.shape])
        return {f"gradients of {network}": (error, None, where) for network, (error, where) in worst.items()}

    def difference(self, row):
        """Of this setup's translations from those of the same program in float32."""
        files = [Path(self.new("output")) for _ in range(2)]
        self.ask(do="output", file=str(files[0]), **SHAPES[row.shape])
        plain = tuple(option for option in row.setup.options if option in ("--tf32", "--channels-last"))
        self.start(replaced(row.setup, row.setup.options[:1] if row.setup.ours else plain))
        self.ask(do="output", file=str(files[1]), **SHAPES[row.shape])
        found, expected = map(parity.floats, files)
        largest, mean = parity.magnitudes(a - b for a, b in zip(found, expected, strict=True))
        return {"largest difference": largest, "mean difference": mean}

    def train(self, row):
        seconds = self.arguments.train_seconds
        answer = self.ask(do="train", folder=str(self.arguments.faces.resolve()), seconds=seconds, size=64)
        return {name: answer[name] for name in ("iterations", "seconds", "error", "nothing")}

    def new(self, name):
        """A path where nothing is yet."""
        return str(Path(tempfile.mkdtemp(dir=self.folder)) / name)


def written(log):
    """The size of a log that has not grown for a moment."""
    size, before = log.stat().st_size, -1
    while size != before:
        time.sleep(0.5)
        size, before = log.stat().st_size, size
    return size


def replaced(setup, options):
    return type(setup)(f"{setup.name}, in float32", setup.ours, options, setup.environment, setup.backend)


def measure(run, report, rows):
    """Does the rows that the time is enough for. After a late one, others of its setup and shape wait for the next
    call. A first start needs no more than a part of its time to be worth it, for what it has tuned is kept."""
    waiting = set()
    for row in rows:
        same = (row.shape, row.setup)
        extra = 0 if report.started(row) else row.cold
        if same in waiting:
            continue
        needed = row.usual + min(extra, 30)
        if needed > run.left():
            print(f"left for the next call: {row.key}, {needed:.0f} s", flush=True)
            if extra or row.work == "first start":
                waiting.add(same)
            continue
        began, patience = time.monotonic(), run.arguments.patience * (row.most + 1.5 * extra)
        cut = run.left() < patience
        try:
            values, note = run.row(row, min(run.left(), patience))
            beyond = row.work == "parity" and any(not (e is not None and e <= t) for e, t, _ in values.values())
            status = "failed" if beyond else "done"
        except Exception as problem:  # whatever it is, the other rows are worth having
            status, values, note = "stopped", {}, repr(problem)
        except Stopped as stopped:
            status = {Late: "late", Refused: "refused"}.get(type(stopped), "stopped")
            values, note = {}, str(stopped)
        seconds = time.monotonic() - began
        if status == "late":
            note = f"not done in {seconds:.0f} s{', when the call was over' * cut}; {note}"
        if status in ("late", "stopped", "refused"):
            run.stop()
        if status == "late":
            waiting.add(same)
        report.record(row, status, values, note, seconds, counts=not (cut and status == "late"))
        figures = {name: value[0] if isinstance(value, tuple) else value for name, value in values.items()}
        shown = ", ".join(f"{name} {figure(value)}" for name, value in figures.items())
        print(f"{seconds:4.0f} s, {row.key}: {status}; {'; '.join(filter(None, [shown, note]))}", flush=True)
        run.caches.save(every=120)
    run.stop()
    run.caches.save()


def chosen(report, again):
    """The rows to do now: those that stopped come last, and nothing is tried three times."""
    if again:
        return report.plan
    rows = [row for row in report.open() if report.tries(row) < 2]
    return sorted(rows, key=lambda row: report.status(row) == "stopped")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", help="a benchmark program that is built already")
    backends = "the program's: everything of the first, and at the end less of the others"
    parser.add_argument("--backends", nargs="+", default=["cuda"], help=backends)
    parser.add_argument("--device", default="cuda", help="PyTorch's: cuda or cpu")
    shapes = ["paper", "64 px", "256 px", "128 px", "tiny"]
    parser.add_argument("--shapes", nargs="+", default=shapes, choices=SHAPES, help="the first has most rows")
    parser.add_argument("--parity", default="tiny", choices=SHAPES, help="the shape at which backends are compared")
    parser.add_argument("--minutes", type=float, default=9, help="for this call; leave one more for packing")
    parser.add_argument("--patience", type=float, default=1, help="times the seconds after which rows are given up")
    parser.add_argument("--rows", nargs="+", metavar="TEXT", help="only rows in whose names one of these is")
    parser.add_argument("--again", action="store_true", help="measure rows that are in the report, too")
    parser.add_argument("--list", action="store_true", help="show the rows that are open, and do nothing")
    parser.add_argument("--without-torch", action="store_true")
    parser.add_argument("--rounds", type=int, default=15, help="at most, in 10 s")
    parser.add_argument("--train-seconds", type=float, default=180)
    parser.add_argument("--faces", type=Path, default=FACES, help="what the training reads")
    parser.add_argument("--report", type=Path, default=Path("gpu-report"), help="a folder")
    parser.add_argument("--caches", type=Path, default=Path("gpu-caches"), help="a folder of tuned kernels and such")
    pack = "a .tar.xz to pack the caches into, and to take them from where there is no such folder yet"
    parser.add_argument("--pack", type=Path, help=pack)
    arguments = parser.parse_args()
    report = Report(arguments.report, plan(arguments), SHAPES)
    rows = chosen(report, arguments.again)
    if arguments.list:
        for row in rows:
            print(f"{row.usual:4.0f} s, {row.cold:4.0f} s more for a first start: {row.key}")
        return
    program = str(Path(arguments.program or build(",".join(b for b in arguments.backends if b in GPUS))).resolve())
    caches = machine.Caches(arguments.caches, arguments.pack)
    with tempfile.TemporaryDirectory() as folder:
        run = Run(arguments, program, caches, Path(folder), report)
        call = machine.describe(program, arguments.minutes)
        caches_were = "empty" if caches.were_empty else "brought along"
        report.begin({**call, "CUDA": run.cuda[1], "caches": caches_were})
        print("\n".join(f"{name}: {value}" for name, value in report.calls[-1].items()), flush=True)
        measure(run, report, rows)
    bad = [row.key for row in report.plan if report.status(row) in ("failed", "late", "stopped")]
    left = [row.key for row in report.plan if not report.status(row)]
    print(f"{len(report.plan) - len(bad) - len(left)} rows done, {len(left)} left, {len(bad)} not well: {bad}")
    print(f"see {arguments.report / 'REPORT.md'}")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
