"""Tests gpu.py with a program that only pretends: no GPU, no PyTorch, nothing to install.

    python benches/peer/test_gpu.py
"""

import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import machine
import parity

HERE = Path(__file__).resolve().parent


PROFILE = """\
| 1.5ms      | crate::a::Norm<f32, crate::b::Of>: KernelId { .. } CubeCount Static(8, 1, 1)
| 500µs      | crate::a::Norm<f32, crate::b::Of>: KernelId { .. } CubeCount Static(8, 1, 1)
| 250ns      | crate::Copy: KernelId { .. } CubeCount Static(1, 1, 1)
"""


def pretend(arguments):
    """Answers as the benchmark program does, but for what the environment variable PRETEND says: how and what, as in
    `hang launches`, for a request or an argument."""
    how, what = (os.environ.get("PRETEND") or "answer everything").split()
    if how == "refuse" and what in arguments:
        print("error: this device has no such type", file=sys.stderr)
        sys.exit(2)
    assert Path("cubecl.toml").exists() and Path("cubecl.toml").read_text() == machine.CUBECL
    Path("autotune").mkdir(exist_ok=True)
    with open(os.environ["ASKED"], "a") as log:
        for text in sys.stdin:
            request = json.loads(text)
            work = request["do"]
            print(os.getpid(), *arguments, work, file=log, flush=True)
            time.sleep(0.02)
            if "CUBECL_DEBUG_LOG" in os.environ:
                with open(os.environ["CUBECL_DEBUG_LOG"], "a") as profile:
                    profile.write(PROFILE)
            if work == what:
                if how == "hang":
                    time.sleep(1000)
                elif how == "crash":
                    sys.exit("thread 'main' panicked at main.rs:1:\nnot at all")
            wrong = work == "update" and how == "err" and "flex" not in arguments
            print("a remark of a library")
            print(json.dumps(answer(work, request, wrong)), flush=True)


def answer(work, request, wrong):
    if work == "update":
        write_checkpoint(request["folder"], 1.1 if wrong else 1.0)
        return {"learning_rate": 1e-4, "losses": {"d/real": 0.5}, "checkpoint": request["folder"]}
    if work == "output":
        Path(request["file"]).write_bytes(struct.pack("<4f", 1, 2, 3, 4))
    answers = {"inference": [2.0], "cycle": [4.0, 4.0, 4.0, 4.0, 9.0], "launches": {"d": 280, "g": 650}}
    answers |= {"penalty": [1.0], "device_memory": 2**30}
    answers["train"] = {"iterations": 3, "seconds": 1.0, "error": 0.2, "nothing": 0.5}
    return answers.get(work)


def write_checkpoint(file, gradient):
    networks = ("discriminator", "generator")
    names = [f"{network}.weight" for network in networks]
    names += [f"adam.{network}.{mean}.weight" for network in networks for mean in ("first", "second")]
    entry = lambda n: {"dtype": "F32", "shape": [2], "data_offsets": [8 * n, 8 * n + 8]}
    header = json.dumps({name: entry(n) for n, name in enumerate(names)}).encode()
    values = [value for name in names for value in (1.0, gradient if ".first." in name else 1.0)]
    Path(file).write_bytes(struct.pack("<Q", len(header)) + header + struct.pack(f"<{len(values)}f", *values))


def ended(asked):
    """Whether the program of a line in the log ends within 5 s. Nobody may have read its exit status."""
    stat = Path(f"/proc/{asked.split()[0]}/stat")
    for _ in range(100):
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


class Gpu(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.asked = self.folder / "asked"
        program = self.folder / "peer"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "test_gpu.py"}" --pretend "$@"\n')
        program.chmod(0o755)

    def start(self, *options, pretend="", minutes=5, rounds=3):
        command = [sys.executable, str(HERE / "gpu.py"), "--program", str(self.folder / "peer"), "--without-torch"]
        command += ["--backends", "wgpu", "--shapes", "smoke", "--train-seconds", "1", "--minutes", str(minutes)]
        command += ["--report", str(self.folder / "report"), "--caches", str(self.folder / "caches")]
        environment = {**os.environ, "PRETEND": pretend, "ASKED": str(self.asked)}
        command += ["--rounds", str(rounds), *options]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)

    def call(self, *options, **settings):
        """The exit status of a call; its report is kept."""
        with self.start(*options, **settings) as process:
            output = process.communicate(timeout=60)[0]
        self.assertTrue((self.folder / "report/REPORT.json").exists(), output)
        self.rows = json.loads((self.folder / "report/REPORT.json").read_text())["rows"]
        self.text = (self.folder / "report/REPORT.md").read_text()
        return process.returncode

    def row(self, name):
        return self.rows[f"smoke / stargan wgpu / {name}"]

    def test_everything(self):
        self.assertEqual(self.call(), 0)
        self.assertEqual({row["status"] for row in self.rows.values()}, {"done"})
        self.assertEqual(self.row("cycle")["values"]["iteration"], 5.0)
        self.assertEqual(self.row("launches")["values"], {"launches of D": 280, "launches of G": 650})
        self.assertIn("| stargan wgpu | 2 | 4 | 5 | 5 | 1 | 280 | 650 | 1 |", self.text)
        self.assertIn("| stargan wgpu | 3 | 1 | 0.2 | 0.5 |", self.text)
        self.assertNotIn("Not measured yet", self.text)
        profile = (self.folder / "report/profile-smoke-stargan-wgpu-profiled.md").read_text()
        self.assertIn("| 2.000 | 2 | `Norm<f32, Of>` | Static(8, 1, 1) |", profile)
        self.assertEqual(self.rows["smoke / stargan wgpu, profiled / profile"]["values"], {"profiled": 2.00025})
        asked = self.asked.read_text()
        for words in ("wgpu --precision bfloat16 cycle", "wgpu-fused cycle", "flex update", "wgpu train"):
            self.assertIn(f" {words}\n", asked)
        # Nothing is left to do.
        self.assertEqual(self.call(), 0)
        self.assertEqual(self.asked.read_text(), asked)

    def test_killed_and_continued(self):
        file = self.folder / "report/REPORT.json"
        process = self.start(rounds=5)
        while not file.exists() or len(json.loads(file.read_text())["rows"]) < 4:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        before = json.loads(file.read_text())["rows"]
        self.assertTrue(ended(self.asked.read_text().splitlines()[-1]))
        self.assertEqual(self.call(), 0)
        self.assertEqual({name: self.rows[name] for name in before}, before)
        self.assertEqual({row["call"] for row in self.rows.values()}, {1, 2})
        self.assertEqual({row["status"] for row in self.rows.values()}, {"done"})

    def test_hanging(self):
        only = ("--rows", "smoke / stargan wgpu /", "--patience", "0.02")
        began = time.monotonic()
        self.assertEqual(self.call(*only, pretend="hang launches"), 1)
        self.assertLess(time.monotonic() - began, 20)
        self.assertEqual(self.row("launches")["status"], "late")
        self.assertRegex(self.text, r"launches: late: not done in \d+ s")
        last = [line for line in self.asked.read_text().splitlines() if line.endswith("launches")][-1]
        self.assertTrue(ended(last))
        # What would hang as well waits, and is done by the next call.
        self.assertNotIn("smoke / stargan wgpu / second start", self.rows)
        self.assertEqual(self.call(*only), 0)
        self.assertEqual({row["status"] for row in self.rows.values()}, {"done"})

    def test_crashing(self):
        only = ("--rows", "wgpu / device memory", "wgpu / launches", "wgpu / second start")
        self.assertEqual(self.call(*only, pretend="crash launches"), 1)
        self.assertEqual(self.row("launches")["status"], "stopped")
        self.assertIn("not at all", self.row("launches")["note"])
        self.assertEqual(self.row("device memory")["status"], "done")
        self.assertEqual(self.call(*only, pretend="crash launches"), 1)
        self.assertEqual(self.row("launches")["tries"], 2)
        asked = self.asked.read_text()
        self.assertEqual(self.call(*only, pretend="crash launches"), 1)
        self.assertEqual(self.asked.read_text(), asked)

    def test_refusing(self):
        self.assertEqual(self.call("--rows", "float16 / cycle", pretend="refuse --precision"), 0)
        self.assertEqual({row["status"] for row in self.rows.values()}, {"refused"})
        self.assertIn("this device has no such type", self.text)

    def test_beyond_tolerance(self):
        self.assertEqual(self.call("--rows", "stargan wgpu / parity", pretend="err update"), 1)
        self.assertEqual(self.row("parity")["status"], "failed")
        self.assertEqual(self.text.count("**beyond**"), 2)

    def test_budget(self):
        self.assertEqual(self.call(minutes=0.4), 0)
        self.assertEqual(self.rows, {})
        self.assertIn("- smoke / stargan wgpu / cycle", self.text)

    def test_caches(self):
        pack = self.folder / "caches.tar.xz"
        folder = self.folder / "here"
        caches = machine.Caches(folder, pack)
        self.assertTrue(caches.were_empty)
        (caches.cubecl / "autotune").mkdir()
        (caches.cubecl / "autotune/conv.lock").write_text("")
        caches.unlock()
        (caches.cubecl / "autotune/conv.json.log").write_text("fastest")
        caches.save()
        again = machine.Caches(self.folder / "there", pack)
        self.assertFalse(again.were_empty)
        self.assertEqual([file.name for file in again.cubecl.glob("autotune/*")], ["conv.json.log"])

    def test_cuda(self):
        place = self.folder / "cuda"
        headers = ("cuda_fp16.h", "crt/mma.h", "cccl/nv/target", "cccl/cuda/barrier")
        for name in (*(f"include/{header}" for header in headers), "lib64/libnvrtc.so.13"):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text("")
        kept = os.environ.get("CUDA_PATH")
        os.environ["CUDA_PATH"] = str(place)
        try:
            environment, said = machine.cuda()
            self.assertEqual(environment["CUDA_PATH"], str(place))
            self.assertTrue(environment["LD_LIBRARY_PATH"].startswith(str(place / "lib64")))
            (place / "include/cccl/nv/target").unlink()
            self.assertNotIn(str(place), machine.cuda()[0].values())
        finally:
            os.environ.pop("CUDA_PATH")
            os.environ.update({"CUDA_PATH": kept} if kept else {})

    def test_not_a_number_is_the_worst(self):
        nan = float("nan")
        for values in ([nan, 1.0], [1.0, nan]):
            error, where = parity.worst({"a": values, "b": [9.0]}, {"a": [1.0, 1.0], "b": [1.0]}, "")
            self.assertNotEqual(error, error)
            self.assertEqual(where, "a")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--pretend"]:
        pretend(sys.argv[2:])
    else:
        unittest.main()
