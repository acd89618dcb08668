"""How far one training iteration is from the same one on another backend."""

import json
import math
import struct
from array import array
from operator import sub

# Of a loss term's own value, and of each tensor's largest value: what the trainer's tests allow between two float32
# evaluations of an iteration, twice what each may be off PyTorch's. Adam's second means are of squared gradients, whose
# relative error is twice the gradients'.
TOLERANCE = 2e-4
# The same where kernels round the factors of products to TF32, which keeps 11 bits of them: of losses, and of gradients
# where it is not known how far PyTorch's are off by TF32.
TF32_TOLERANCE = 5e-3
# What a loss term is taken for where it is nearer to 0: a mean over much that cancels.
LEAST_LOSS = 0.01
# In learning rates. Adam's first step is one learning rate towards the gradient's sign, and rounding may decide the
# sign of a gradient near 0.
STEP = 2.02


def floats(file):
    """The float32 values of a raw file."""
    return memoryview(file.read_bytes()).cast("f")


def tensors(checkpoint):
    """The float32 tensors of a safetensors file, by name."""
    with open(checkpoint, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = memoryview(file.read())
    header.pop("__metadata__", None)
    found = {}
    for name, entry in header.items():
        assert entry["dtype"] == "F32", name
        begin, end = entry["data_offsets"]
        found[name] = data[begin:end].cast("f")
    return found


def magnitudes(values):
    """The largest magnitude and the mean one. Not a number where anything is not."""
    values = array("d", map(abs, values))
    total = sum(values)
    return (total if math.isnan(total) else max(values)), total / len(values)


def worst(found, expected, prefix, scale=None):
    """The largest difference in the tensors under `prefix` and whose it is: of each tensor's largest value, or of
    `scale`. Not a number where anything is not."""
    errors = []
    for name, reference in expected.items():
        if name.startswith(prefix):
            assert len(found[name]) == len(reference), name
            largest = scale or magnitudes(reference)[0]
            difference, _ = magnitudes(map(sub, found[name], reference))
            # Where nothing but zeros is expected, anything else is infinitely wrong.
            error = difference / largest if largest else difference and float("inf")
            errors.append((error, name.removeprefix(prefix)))
    # A NaN is the worst of all.
    return max(errors, key=lambda error: (error[0] != error[0], error[0]))


def deviations(found, expected, tolerance=TOLERANCE):
    """Of two answers to `update`: rows of what, relative error, where it is largest, and tolerance."""
    for name, reference in expected["losses"].items():
        value = found["losses"][name]
        # JSON has no NaN, which comes as null.
        error = float("nan") if value is None else abs(value - reference) / max(abs(reference), LEAST_LOSS)
        yield f"loss {name.split('/', 1)[1]}", error, f"{value} for {reference}", tolerance
    ours, theirs = tensors(found["checkpoint"]), tensors(expected["checkpoint"])
    assert ours.keys() == theirs.keys(), "the checkpoints hold other tensors"
    for network in ("discriminator", "generator"):
        yield f"gradients of {network}", *worst(ours, theirs, f"adam.{network}.first."), tolerance
        yield f"squared gradients of {network}", *worst(ours, theirs, f"adam.{network}.second."), 2 * tolerance
        weights = worst(ours, theirs, f"{network}.", expected["learning_rate"])
        yield f"weights of {network}, in learning rates", *weights, STEP
