"""Times this crate beside PyTorch and prints the ratios as a table.

    pip install torch torchvision
    python benches/peer/compare.py                      on the CPU: Flex beside PyTorch
    python benches/peer/compare.py --backend ndarray
    python benches/peer/compare.py --device cuda --backend cuda --features cuda

Both programs run side by side, one waiting while the other works, and are asked in turn; so whatever else the
machine does meets both. A ratio is that of the medians, PyTorch's time divided by this crate's: above 1, this
crate is faster.
"""

import argparse
import json
import os
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


class Program:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"{self.process.args[0]} stopped")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def build(features):
    """The benchmark program that cargo makes."""
    command = ["cargo", "bench", "--bench", "peer", "--no-run", "--message-format", "json"]
    command += ["--features", features] if features else []
    lines = subprocess.run(command, cwd=HERE.parent.parent, check=True, stdout=subprocess.PIPE, text=True).stdout
    messages = [json.loads(line) for line in lines.splitlines()]
    return next(m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == "peer")


def quantities(work, times):
    """What a list of times says: name and milliseconds."""
    if work != "cycle":
        return {work: statistics.median(times)}
    *without, last = times
    d = statistics.median(without)
    # The last iteration has the same D step and the G step.
    return {"D step": d, "G step": last - d, "iteration": (sum(without) + last) / len(times)}


def compare(programs, work, rounds, request):
    found = [{}, {}]
    for round in range(rounds + 1):
        for values, program in zip(found, programs):
            for name, value in quantities(work, program.ask(do=work, **request)).items():
                if round:  # the first one warms up
                    values.setdefault(name, []).append(value)
    ours, theirs = ({name: statistics.median(list) for name, list in values.items()} for values in found)
    return {name: (ours[name], theirs[name]) for name in ours}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", default="flex")
    parser.add_argument("--features", default="", help="cargo features of the benchmark program")
    parser.add_argument("--program", help="a benchmark program that is built already")
    parser.add_argument("--device", default="cpu", help="PyTorch's")
    parser.add_argument("--tf32", action="store_true", help="let PyTorch round products to TF32")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=SHAPES)
    parser.add_argument("--work", nargs="+", default=["inference", "cycle", "penalty", "data", "memory"])
    arguments = parser.parse_args()

    executable = arguments.program or build(arguments.features)
    own = [executable, arguments.backend]
    peer = [sys.executable, str(HERE / "steps.py"), "--device", arguments.device, *["--tf32"] * arguments.tf32]
    own_name = f"stargan ({arguments.backend})"
    print(f"| shape | what | {own_name} | PyTorch | ratio |\n|---|---|---|---|---|")

    def row(shape, what, ours, theirs, unit):
        print(f"| {shape} | {what} | {ours:.4g} {unit} | {theirs:.4g} {unit} | {theirs / ours:.2f} |", flush=True)

    programs = [Program(own), Program(peer)]
    for name in arguments.shapes:
        for work in arguments.work:
            if work in ("inference", "cycle", "penalty"):
                for what, values in compare(programs, work, arguments.rounds, SHAPES[name]).items():
                    row(name, what, *values, "ms")
    if "data" in arguments.work:
        with tempfile.TemporaryDirectory() as folder:
            programs[0].ask(do="jpegs", folder=folder)
            for what, values in compare(programs, "data", arguments.rounds, {"folder": folder}).items():
                row("178x218 JPEG", "image", *values, "ms")
    for program in programs:
        program.close()
    if "memory" in arguments.work and arguments.device == "cpu":
        for name in arguments.shapes:
            peaks = []
            for command in (own, peer):
                program = Program(command)
                for _ in range(2):
                    program.ask(do="cycle", **SHAPES[name])
                peaks.append(program.ask(do="memory")[0] / 2**20)
                program.close()
            row(name, "peak memory", *peaks, "MiB")


if __name__ == "__main__":
    main()
