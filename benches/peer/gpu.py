"""Everything that is measured on a GPU, from one benchmark program that may have been built elsewhere.

    pip install torch
    python benches/peer/gpu.py --backend cuda --program peer        or --backend wgpu; without --program it is built

Four parts, each a table in REPORT.md and REPORT.json:
    parity     one training iteration against Flex
    tables     times beside PyTorch eager, TF32 off and on
    half       inference in float16 and bfloat16: times, and how far the images are from float32's
    settings   burn's fusion on and off, at each autotune level

Fails when parity is beyond its tolerance or a part could not be done; a type that the device does not compute in is
no failure.
"""

import argparse
import datetime
import json
import os
import platform
import sys
import tempfile
from pathlib import Path

import parity
import programs
from programs import Program, Stopped, Table, build, measure, peer

# The last one is only for trying out this script, where there is no GPU.
SHAPES = {**programs.SHAPES, "smoke": dict(size=16, base=4, blocks=1, batch=2)}
LEVELS = ["minimal", "balanced", "extensive", "full"]
ELEMENTS = {"f16": "float16", "bf16": "bfloat16"}
# Drivers keep compiled kernels, which would make every setting after the first start faster.
NO_DRIVER_CACHES = {"CUDA_CACHE_DISABLE": "1", "__GL_SHADER_DISK_CACHE": "0", "MESA_SHADER_CACHE_DISABLE": "true"}


class Run:
    def __init__(self, arguments, folder):
        self.arguments, self.folder = arguments, folder
        self.program = str(Path(arguments.program or build(arguments.backend)).resolve())
        self.shapes = {name: SHAPES[name] for name in arguments.shapes}
        self.failures = []

    def new_folder(self):
        return Path(tempfile.mkdtemp(dir=self.folder))

    def ours(self, backend=None, element=None, level="balanced", tuned=None):
        """This crate's program. What autotune finds is kept in `tuned`, for all of this run by default."""
        tuned = tuned or self.folder
        (tuned / "cubecl.toml").write_text('[autotune]\ncache = "local"\n')
        fresh = {} if tuned == self.folder else NO_DRIVER_CACHES
        environment = {**os.environ, "CUBECL_AUTOTUNE_LEVEL": level, **fresh}
        command = [self.program, backend or self.arguments.backend, *[element] * (element is not None)]
        return Program(command, cwd=tuned, env=environment)

    def theirs(self, *options):
        return Program(peer("--device", self.arguments.device, *options))

    def measure(self, running, work, shape):
        return measure(running, work, self.arguments.rounds, shape)

    def parity(self):
        """Errors are relative to a loss term's value or a tensor's largest value, except the weights'."""
        table = Table("shape", "backend", "what", "error", "tolerance", "largest at")
        fused = self.arguments.backend
        for shape_name, shape in self.shapes.items():
            answers = {}
            for backend in ("flex", fused, f"{fused}-unfused"):
                with self.ours(backend) as program:
                    folder = self.new_folder() / "run"
                    answers[backend] = program.ask(do="update", folder=str(folder), **shape)
            reference = answers.pop("flex")
            for backend, answer in answers.items():
                for what, error, where, tolerance in parity.deviations(answer, reference):
                    table.row(shape_name, backend, what, f"{error:.1e}", f"{tolerance:.1e}", where)
                    if not error <= tolerance:
                        self.failures.append(f"parity, {shape_name}, {backend}: {what} is off by {error:.1e}")
        return table

    def tables(self):
        """Ratios are PyTorch's time divided by this crate's. Where the device has TF32 tensor cores, burn may choose
        kernels that use them."""
        tf32 = [["--tf32"]] * (self.arguments.device == "cuda")
        names = [column for name in ["PyTorch", *["PyTorch, TF32"] * len(tf32)] for column in (name, "ratio")]
        table = Table("shape", "what", f"stargan ({self.arguments.backend})", *names)
        running = [self.ours(), self.theirs(), *(self.theirs(*options) for options in tf32)]
        for shape_name, shape in self.shapes.items():
            for work in ("inference", "cycle", "penalty"):
                for what, (own, *others) in self.measure(running, work, shape).items():
                    cells = [cell for other in others for cell in (ms(other), f"{other / own:.2f}")]
                    table.row(shape_name, what, ms(own), *cells)
        for program in running:
            program.close()
        return table

    def half(self):
        """Inference; differences are of images in [-1, 1], from the same program's in float32, of fresh weights.
        PyTorch's weights and images are of the type throughout, without autocast."""
        table = Table("shape", "program", "type", "inference", "largest difference", "mean difference")
        starts = {("stargan", "float32"): self.ours, ("PyTorch", "float32"): self.theirs}
        for short, element in ELEMENTS.items():
            starts["stargan", element] = lambda short=short: self.ours(element=short)
            starts["PyTorch", element] = lambda element=element: self.theirs("--element", element)
        running = {name: start() for name, start in sorted(starts.items(), key=lambda item: item[0][0], reverse=True)}
        for shape_name, shape in self.shapes.items():
            outputs = {}
            for name, program in list(running.items()):
                file = self.new_folder() / "output"
                try:
                    program.ask(do="output", file=str(file), **shape)
                    outputs[name] = parity.floats(file)
                except Stopped as stopped:
                    if name[1] == "float32":
                        raise
                    table.row(shape_name, *name, f"not possible: {stopped}", "", "")
                    running.pop(name).close()
            times = self.measure(list(running.values()), "inference", shape)["inference"]
            for name, time in zip(running, times):
                differences = (outputs[name] - outputs[name[0], "float32"]).abs()
                table.row(shape_name, *name, ms(time), f"{differences.max():.1e}", f"{differences.mean():.1e}")
        for program in running.values():
            program.close()
        return table

    def settings(self):
        """First: with compiling and tuning kernels, in a fresh process without any cache. The others: afterwards."""
        columns = ["shape", "fusion", "autotune", "first inference", "first 5 iterations", "inference", "iteration"]
        table = Table(*columns)
        for shape_name, shape in self.shapes.items():
            for fusion, suffix in (("on", ""), ("off", "-unfused")):
                for level in self.arguments.levels:
                    backend = self.arguments.backend + suffix
                    with self.ours(backend, level=level, tuned=self.new_folder()) as program:
                        first = [sum(program.ask(do=work, **shape)) for work in ("inference", "cycle")]
                        (inference,) = self.measure([program], "inference", shape)["inference"]
                        (iteration,) = self.measure([program], "cycle", shape)["iteration"]
                    first = [f"{time / 1e3:.3g} s" for time in first]
                    table.row(shape_name, fusion, level, *first, ms(inference), ms(iteration))
        return table


def ms(time):
    return f"{time:.4g} ms"


def report(run, parts):
    with run.ours() as ours, run.theirs() as theirs:
        about = {
            "date": datetime.date.today().isoformat(),
            "machine": platform.platform(),
            "stargan": ours.ask(do="backend"),
            "PyTorch": theirs.ask(do="backend"),
            "rounds": run.arguments.rounds,
            "shapes": run.shapes,
        }
    text = ["# GPU report\n", *(f"- {name}: {value}" for name, value in about.items())]
    found = {}
    for name in parts:
        part = getattr(run, name)
        note = " ".join(part.__doc__.split())
        text.append(f"\n## {name}\n\n{note}\n")
        print(text[-1], flush=True)
        try:
            table = part()
            found[name] = {"note": note, "columns": table.columns, "rows": table.rows}
            text += table.lines
        except Exception as problem:  # whatever it is, the other parts have cost time
            run.failures.append(f"{name}: {problem!r}")
            text.append(f"Not done: {problem!r}")
    text += ["\n## failures\n", *(f"- {failure}" for failure in run.failures or ["none"])]
    return "\n".join(text) + "\n", {"about": about, "parts": found, "failures": run.failures}


def main():
    parts = ["parity", "tables", "half", "settings"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", help="a benchmark program that is built already")
    parser.add_argument("--backend", default="wgpu", choices=["wgpu", "cuda"])
    parser.add_argument("--device", default="cuda", help="PyTorch's")
    parser.add_argument("--parts", nargs="+", default=parts, choices=parts)
    parser.add_argument("--shapes", nargs="+", default=list(programs.SHAPES), choices=SHAPES)
    parser.add_argument("--levels", nargs="+", default=LEVELS, choices=LEVELS, help="of autotune, for the settings")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--report", type=Path, default=Path("gpu-report"), help="without its ending")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = Run(arguments, Path(folder))
        text, data = report(run, arguments.parts)
    arguments.report.with_suffix(".md").write_text(text)
    arguments.report.with_suffix(".json").write_text(json.dumps(data, indent=1) + "\n")
    for failure in run.failures:
        print(f"failed: {failure}", file=sys.stderr)
    sys.exit(bool(run.failures))


if __name__ == "__main__":
    main()
