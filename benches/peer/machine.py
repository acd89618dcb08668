"""What a GPU run finds on its machine and leaves there: CUDA, the caches of tuned and compiled kernels."""

import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

# cubecl reads it from the working directory. `local` is that directory, so that the folder may be moved. The compiled
# kernels are not kept by default; the log has every candidate of every shape with its time.
CUBECL = """\
[autotune]
cache = "local"

[autotune.logger]
level = "full"
file = "tuner.log"

[compilation]
cache = "local"
"""
SETTINGS = ("CUBECL_", "CUDA_", "STARGAN_", "VK_", "LD_LIBRARY_PATH")


class Caches:
    """A folder of what would have to be tuned and compiled again: cubecl's, the drivers', and PyTorch's."""

    def __init__(self, folder, pack=None):
        self.folder, self.pack = folder.resolve(), pack
        self.cubecl = self.folder / "cubecl"
        self.packed = time.monotonic()
        if pack and pack.exists() and not self.folder.exists():
            self.folder.mkdir(parents=True)
            with tarfile.open(pack) as archive:
                archive.extractall(self.folder, filter="data")
        self.were_empty = not any(self.cubecl.glob("autotune"))
        for name in ("cubecl", "drivers", "PyTorch"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.cubecl / "cubecl.toml").write_text(CUBECL)

    def environment(self):
        drivers, torch = str(self.folder / "drivers"), self.folder / "PyTorch"
        return {
            "CUDA_CACHE_PATH": drivers,
            "CUDA_CACHE_MAXSIZE": str(1 << 30),
            "__GL_SHADER_DISK_CACHE_PATH": drivers,
            "MESA_SHADER_CACHE_DIR": drivers,
            "TORCHINDUCTOR_CACHE_DIR": str(torch / "inductor"),
            "TRITON_CACHE_DIR": str(torch / "triton"),
        }

    def unlock(self):
        """Removes the locks of a program that was killed, for each of which the next one would wait 30 s."""
        for lock in self.cubecl.rglob("*.lock"):
            lock.unlink(missing_ok=True)

    def save(self, every=0.0):
        """Packs them into one file, where one is wanted and the last packing is `every` seconds ago."""
        if self.pack and time.monotonic() - self.packed >= every:
            self.pack.parent.mkdir(parents=True, exist_ok=True)
            new = self.pack.with_name(self.pack.name + ".new")
            with tarfile.open(new, "w:xz", preset=1) as archive:
                for name in ("cubecl", "drivers", "PyTorch"):
                    archive.add(self.folder / name, name)
            os.replace(new, self.pack)
            self.packed = time.monotonic()


def cuda():
    """Where CUDA's headers and run-time compiler are: the environment that says so, and a line about it."""
    nvcc = shutil.which("nvcc")
    places = [os.environ.get("CUDA_PATH"), os.environ.get("CUDA_HOME"), "/usr/local/cuda", "/opt/cuda"]
    places += [nvcc and Path(nvcc).resolve().parent.parent]
    packages = importlib.util.find_spec("nvidia")
    places += [Path(place) / "cu13" for place in (packages.submodule_search_locations or [] if packages else [])]
    faults = []
    for place in map(Path, filter(None, places)):
        headers = [place / "include", place / "include/cccl"]
        libraries = [place / name for name in ("lib64", "lib", "targets/x86_64-linux/lib")]
        libraries = [str(folder) for folder in libraries if any(folder.glob("libnvrtc.so*"))]
        # Without crt/mma.h no kernel for tensor cores compiles, and burn takes its slow ones without a word.
        missing = [name for name in ("cuda_fp16.h", "crt/mma.h") if not (headers[0] / name).exists()]
        # C++'s own headers, in a folder of their own from CUDA 13 on.
        cccl = ("nv/target", "cuda/barrier")
        missing += [name for name in cccl if not any((folder / name).exists() for folder in headers)]
        if not libraries:
            missing.append("libnvrtc.so")
        if not missing:
            paths = [*libraries, *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
            return {"CUDA_PATH": str(place), "LD_LIBRARY_PATH": ":".join(paths)}, f"CUDA in {place}"
        if place.exists():
            faults.append(f"{place} lacks {', '.join(missing)}")
    return {}, f"NO CUDA TOOLKIT: {'; '.join(faults) or 'none installed, and no nvidia/cu13 of pip'}; cuda can't work"


def describe(program, minutes):
    """This machine, for the report."""
    said = {
        "began": time.strftime("%Y-%m-%d %H:%M:%S"),
        "minutes": minutes,
        "GPU": command("nvidia-smi", "--query-gpu=name,driver_version,memory.total,clocks.sm", "--format=csv,noheader"),
        "machine": f"{platform.platform()}, {os.cpu_count()} processors",
        "Python": f"{platform.python_version()} in {sys.prefix}",
        "program": f"{program}, SHA-256 {hashlib.sha256(Path(program).read_bytes()).hexdigest()[:16]}",
    }
    return said | {name: value for name, value in sorted(os.environ.items()) if name.startswith(SETTINGS)}


def command(*words):
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=20)
        return (done.stdout.strip() or done.stderr.strip() or "nothing").replace("\n", "; ")
    except (OSError, subprocess.TimeoutExpired) as problem:
        return f"{words[0]}: {problem}"
