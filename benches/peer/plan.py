"""What is measured on a GPU, by value: what comes first is there when the machine is gone."""

from dataclasses import dataclass, replace

import profiled
import programs

# `paper` is the published training; `smoke` is only for trying out the script where there is no GPU.
SHAPES = {
    "paper": dict(size=128, base=64, blocks=6, batch=16),
    "256 px": dict(size=256, base=64, blocks=6, batch=16),
    "smoke": dict(size=16, base=4, blocks=1, batch=2),
    **programs.SHAPES,
}
SWITCHES = ["weight-gradient", "matmul-convolution", "norm", "activation", "few-launches", "adam"]
GPUS = ("cuda", "wgpu", "vulkan", "metal")


@dataclass(frozen=True)
class Setup:
    """How a program is started."""

    name: str
    ours: bool
    options: tuple = ()
    environment: tuple = ()
    backend: str = ""


@dataclass(frozen=True)
class Row:
    """A request, or a few that belong together. Of its seconds, `usual` are expected, and `cold` more where the setup
    has not done anything at this shape before; after `most`, or with `cold` half as many again, it is given up."""

    shape: str
    setup: Setup
    work: str
    usual: float
    most: float
    cold: float

    @property
    def key(self):
        return " / ".join(filter(None, [self.shape, self.setup.name, self.work]))


EAGER = Setup("PyTorch", False)
TF32 = Setup("PyTorch TF32", False, ("--tf32",))
COMPILED = Setup("PyTorch TF32, channels last, compiled", False, ("--tf32", "--channels-last", "--compile"))
AUTOCAST = Setup("PyTorch bfloat16 autocast, channels last", False, ("--tf32", "--channels-last", "--autocast", "bf16"))


def ours(backend, precision="float32", off=(), fused=False):
    command = (f"{backend}-fused" if fused else backend,)
    name = [f"stargan {command[0]}", *[precision] * (precision != "float32")]
    if off:
        name.append("everything off" if off == tuple(SWITCHES) else f"without {', '.join(off)}")
    options = command if precision == "float32" else (*command, "--precision", precision)
    environment = (("STARGAN_GPU_OFF", ",".join(off)),) if off else ()
    return Setup(", ".join(name), True, options, environment, backend)


def profiling(setup):
    """The same with a profile, for which it waits after every kernel."""
    return replace(setup, name=f"{setup.name}, profiled", environment=profiled.ENVIRONMENT)


def rows_of(shape, setup, *works):
    usual = {"cycle": 15, "difference": 15, "first start": 45, "second start": 25, "parity": 20}
    for work in works:
        yield Row(shape, setup, work, usual.get(work, 8), 120, cold(setup, shape))


def cold(setup, shape):
    """The seconds that libraries take to start, and to tune and compile kernels. Estimated, not measured."""
    if not setup.ours:
        return 60 if setup == COMPILED else 10
    if setup.backend not in GPUS:
        return 2
    if "STARGAN_GPU_OFF" in dict(setup.environment):
        return 60
    if setup.environment:
        return 20
    if "fused" in setup.options[0]:
        return 40
    if setup.backend != "cuda":
        return 40
    return 200 if SHAPES[shape]["size"] >= 128 else 90


def plan(arguments):
    backend, *others = arguments.backends
    main, *shapes = arguments.shapes
    fusion = backend in GPUS
    small = "smoke" if main == "smoke" else arguments.parity
    float32, bfloat16, float16 = (ours(backend, precision) for precision in ("float32", "bfloat16", "float16"))
    exact = ours(backend, off=("tensor-cores",)) if backend == "cuda" else float32
    rows = [*rows_of(small, exact, "parity")]
    if backend == "cuda":
        rows += [*rows_of(small, TF32, "rounding"), *rows_of(small, float32, "parity")]
    for setup in (EAGER, TF32):
        rows += rows_of(main, setup, "cycle", "inference", "device memory")
    rows += rows_of(main, float32, "first start", "cycle", "inference", "launches", "device memory", "second start")
    if fusion:
        rows += rows_of(main, profiling(float32), "profile")
    for setup in (AUTOCAST, COMPILED):
        rows += rows_of(main, setup, "cycle", "inference", "device memory")
    if fusion:
        rows += rows_of(main, ours(backend, fused=True), "cycle", "inference", "launches")
    rows += rows_of(main, bfloat16, "cycle", "inference", "device memory", "difference")
    seconds = arguments.train_seconds
    rows.append(Row("", float32, "train", seconds + 20, seconds + 60, cold(float32, "64 px")))
    for setup in (TF32, float32):
        rows += rows_of(main, setup, "penalty")
    rows += rows_of(main, AUTOCAST, "difference")
    rows += rows_of(main, float16, "cycle", "difference")
    if fusion:
        rows += rows_of(small, ours(backend, fused=True), "parity")
    for shape in shapes:
        for setup in (TF32, COMPILED, float32, bfloat16):
            rows += rows_of(shape, setup, "cycle", "inference", "device memory", *["launches"] * (setup == float32))
    if fusion:
        rows += rows_of(main, ours(backend, off=tuple(SWITCHES)), "cycle", "launches")
        for switch in SWITCHES:
            rows += rows_of(main, ours(backend, off=(switch,)), "cycle", "launches")
    for other in others:
        for fused in (True, False):
            rows += rows_of(small, ours(other, fused=fused), "parity")
        for shape in (main, *shapes):
            rows += rows_of(shape, ours(other), "cycle", "inference", "launches", "device memory")
            rows += rows_of(shape, ours(other, fused=True), "cycle", "launches")
    rows = list(dict.fromkeys(rows))
    if arguments.without_torch:
        rows = [row for row in rows if row.setup.ours]
    return [row for row in rows if not arguments.rows or any(text in row.key for text in arguments.rows)]
