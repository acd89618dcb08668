"""Times this crate beside PyTorch on the CPU and prints the ratios as a table. `gpu.py` is for GPUs.

    pip install torch torchvision
    python benches/peer/compare.py                      Flex beside PyTorch
    python benches/peer/compare.py --backend ndarray

Both programs run side by side, one waiting while the other works, and are asked in turn; so whatever else the
machine does meets both. A ratio is that of the medians, PyTorch's time divided by this crate's: above 1, this
crate is faster.
"""

import argparse
import tempfile

from programs import SHAPES, STYLE_SHAPES, Program, Table, build, measure, peer


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", default="flex")
    parser.add_argument("--features", default="", help="cargo features of the benchmark program")
    parser.add_argument("--program", help="a benchmark program that is built already")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=SHAPES)
    parser.add_argument("--work", nargs="+", default=["inference", "cycle", "penalty", "styles", "data", "memory"])
    arguments = parser.parse_args()

    commands = [[arguments.program or build(arguments.features), arguments.backend], peer()]
    table = Table("shape", "what", f"stargan ({arguments.backend})", "PyTorch", "ratio")

    def row(shape, what, ours, theirs, unit):
        table.row(shape, what, f"{ours:.4g} {unit}", f"{theirs:.4g} {unit}", f"{theirs / ours:.2f}")

    programs = [Program(command) for command in commands]
    for name in arguments.shapes:
        for work in arguments.work:
            if work in ("inference", "cycle", "penalty"):
                for what, values in measure(programs, work, arguments.rounds, SHAPES[name]).items():
                    row(name, what, *values, "ms")
    if "styles" in arguments.work:
        for name, shape in STYLE_SHAPES.items():
            for values in measure(programs, "styles", arguments.rounds, shape).values():
                row(f"StarGAN v2, {name}", "iteration", *values, "ms")
    if "data" in arguments.work:
        with tempfile.TemporaryDirectory() as folder:
            programs[0].ask(do="jpegs", folder=folder)
            for values in measure(programs, "data", arguments.rounds, {"folder": folder}).values():
                row("178x218 JPEG", "image", *values, "ms")
    for program in programs:
        program.close()
    if "memory" in arguments.work:
        for name in arguments.shapes:
            peaks = []
            for command in commands:
                with Program(command) as program:
                    for _ in range(2):
                        program.ask(do="cycle", **SHAPES[name])
                    peaks.append(program.ask(do="memory")[0] / 2**20)
            row(name, "peak memory", *peaks, "MiB")


if __name__ == "__main__":
    main()
