"""The report of a GPU run: rewritten after every row, and read again by the call that continues it."""

import json
import os

COLUMNS = {
    "inference": "ms",
    "D step": "ms",
    "G step": "ms",
    "iteration": "ms",
    "penalty": "ms",
    "launches of D": "",
    "launches of G": "",
    "device memory": "GiB",
    "first start": "s",
    "second start": "s",
    "largest difference": "",
    "mean difference": "",
}
NOTES = """\
Times are medians. `D step` and `G step` are of the iterations that have them, `iteration` is the mean over five, of
which one has a G step. `times` says how often PyTorch TF32's iteration (or else the first PyTorch's) is as long as this
one: above 1, this one is faster. Starts are from the process's first moment to the end of one inference and five
iterations: the first one tunes and compiles what the parity's small shape has not, the second one reads it from the
caches. Differences are of translations in [-1, 1], from the same program's in float32. On CUDA, float32 of this crate
rounds the factors of products to TF32."""


class Report:
    def __init__(self, folder, plan, shapes):
        self.folder, self.plan, self.shapes = folder, plan, shapes
        folder.mkdir(parents=True, exist_ok=True)
        self.calls, self.rows = [], {}
        if (folder / "REPORT.json").exists():
            kept = json.loads((folder / "REPORT.json").read_text())
            self.calls, self.rows = kept["calls"], kept["rows"]

    def begin(self, call):
        self.calls.append(call)
        self.write()

    def record(self, row, status, values=None, note="", seconds=0.0, counts=True):
        """`status` is done, failed (a parity beyond its tolerance), refused, late or stopped. Whether it counts among
        the tries."""
        self.rows[row.key] = {
            "shape": row.shape,
            "program": row.setup.name,
            "work": row.work,
            "status": status,
            "values": values or {},
            "note": note,
            "seconds": round(seconds, 1),
            "call": len(self.calls),
            "tries": self.tries(row) + counts,
        }
        self.write()

    def status(self, row):
        return self.rows.get(row.key, {}).get("status", "")

    def tries(self, row):
        return self.rows.get(row.key, {}).get("tries", 0)

    def started(self, row):
        """Whether the row's setup has done anything at its shape."""
        same = (row.shape, row.setup.name)
        return any((kept["shape"], kept["program"]) == same and kept["status"] == "done" for kept in self.rows.values())

    def open(self):
        """The rows that are not there yet, or were late or stopped."""
        return [row for row in self.plan if self.status(row) in ("", "late", "stopped")]

    def write(self):
        data = {"calls": self.calls, "shapes": self.shapes, "rows": self.rows}
        replace(self.folder / "REPORT.json", json.dumps(data, indent=1) + "\n")
        replace(self.folder / "REPORT.md", "\n".join(self.text()) + "\n")

    def text(self):
        yield "# GPU report\n"
        for number, call in enumerate(self.calls, 1):
            yield f"Call {number}:\n"
            yield from (f"- {name}: {value}" for name, value in call.items())
            yield ""
        yield NOTES
        yield from self.parity()
        for shape in dict.fromkeys(row["shape"] for row in self.rows.values()):
            if shape:
                yield from self.measured(shape)
        yield from self.training()
        troubles = [(key, row) for key, row in self.rows.items() if row["status"] != "done" or row["note"]]
        if troubles:
            yield "\n## Notes\n"
            yield from (f"- {key}: {row['status']}{row['note'] and ': '}{row['note']}" for key, row in troubles)
        missing = [row.key for row in self.plan if not self.status(row)]
        if missing:
            yield "\n## Not measured yet\n"
            yield from (f"- {key}" for key in missing)

    def parity(self):
        rows = [row for row in self.rows.values() if row["work"] in ("parity", "rounding") and row["values"]]
        if rows:
            yield "\n## Parity\n"
            yield "One iteration that updates both networks, against Flex: relative to a loss term's value or a"
            yield "tensor's largest value, except the weights'. PyTorch with TF32 is against itself in float32; on CUDA"
            yield "our gradients, where they are rounded to TF32 too, may be twice as far off as those.\n"
            yield from table("shape", "program", "what", "error", "tolerance", "largest at")
        for row in rows:
            for what, (error, tolerance, where) in row["values"].items():
                beyond = tolerance is not None and not (error is not None and error <= tolerance)
                error = "NaN" if error is None else f"{error:.1e}"
                allowed = "-" if tolerance is None else f"{tolerance:.1e}"
                yield line(row["shape"], row["program"], what, error + " **beyond**" * beyond, allowed, where)

    def measured(self, shape):
        found = {}
        order = {row.key: number for number, row in enumerate(self.plan)}
        for _, row in sorted(self.rows.items(), key=lambda item: order.get(item[0], len(order))):
            if row["shape"] == shape and row["work"] not in ("parity", "rounding", "train"):
                cells = found.setdefault(row["program"], {})
                cells.update({name: value for name, value in row["values"].items() if value is not None})
        columns = [column for column in COLUMNS if any(column in cells for cells in found.values())]
        if not columns:
            return
        peers = [name for name, cells in found.items() if name.startswith("PyTorch") and "iteration" in cells]
        peer = "PyTorch TF32" if "PyTorch TF32" in peers else peers[0] if peers else None
        times = ["times"] if peer else []
        size = ", ".join(f"{name} {value}" for name, value in self.shapes[shape].items())
        yield f"\n## {shape}: {size}\n"
        yield from table("program", *(f"{name}, {COLUMNS[name]}".rstrip(", ") for name in columns), *times)
        for name, cells in found.items():
            if cells:
                ratio = found[peer]["iteration"] / cells["iteration"] if peer and "iteration" in cells else None
                shown = [figure(cells.get(column)) for column in columns]
                yield line(name, *shown, *[figure(ratio)] * len(times))

    def training(self):
        rows = [row for row in self.rows.values() if row["work"] == "train" and row["values"]]
        if rows:
            yield "\n## Training of the bundled faces, 64 px\n\nErrors are of reconstructing held-out faces.\n"
            yield from table("program", "iterations", "seconds", "error", "error of returning nothing")
        for row in rows:
            values = row["values"]
            names = ("iterations", "seconds", "error", "nothing")
            yield line(row["program"], *(figure(values.get(name)) for name in names))


def figure(value):
    return "-" if value is None else str(value) if isinstance(value, int) else f"{value:.4g}"


def line(*cells):
    return f"| {' | '.join(map(str, cells))} |"


def table(*columns):
    yield line(*columns)
    yield "|" + "---|" * len(columns)


def replace(file, text):
    """Writes a file as a whole or not at all, whenever the process may end."""
    new = file.with_name(file.name + ".new")
    with open(new, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(new, file)
