"""What cubecl's profile of a program says: which kernels took the time.

A program writes it where `ENVIRONMENT` is set, into its working directory. Every kernel is waited for before the next
one begins, so a time is a kernel's own and that of the wait, about 0.02 ms.
"""

import re
from textwrap import shorten

FILE = "profile.log"
ENVIRONMENT = (("CUBECL_DEBUG_LOG", FILE), ("CUBECL_DEBUG_OPTION", "profile-full"))
UNITS = {"ns": 1e-6, "µs": 1e-3, "ms": 1.0, "s": 1e3}
# Its settings are on lines of their own; summaries are between the entries.
ENTRY = re.compile(r"^\| (\d+(?:\.\d+)?)(ns|µs|ms|s) *\| ([^|]*?CubeCount [^\n]*)", re.MULTILINE)


def kernels(text):
    """Of a profile's text: milliseconds, name and everything said, of each kernel in order."""
    for found in ENTRY.finditer(text):
        value, unit, said = found.groups()
        yield float(value) * UNITS[unit], name(said), said


def name(said):
    """A kernel's name without the modules it is from."""
    path = said.split(": ", 1)[0]
    return shorten(re.sub(r"\b\w+::", "", path), 160, placeholder="..")


def table(text):
    """Markdown: the kernels by the time that all their launches took, told apart by name and number of cubes."""
    found = {}
    for milliseconds, kernel, said in kernels(text):
        cubes = said.rpartition("CubeCount ")[2].strip()
        times = found.setdefault((kernel, cubes), [])
        times.append(milliseconds)
    total = sum(map(sum, found.values()))
    yield f"{sum(map(len, found.values()))} launches, {total:.4g} ms\n"
    yield "| ms in all | launches | kernel | cubes |"
    yield "|---|---|---|---|"
    for (kernel, cubes), times in sorted(found.items(), key=lambda item: -sum(item[1])):
        yield f"| {sum(times):.3f} | {len(times)} | `{kernel}` | {cubes} |"
