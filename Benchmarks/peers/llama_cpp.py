"""llama.cpp, through its own llama-bench, built here with this machine's CPU features.

The source is the copy that the Python package llama-cpp-python carries; the package itself is not built.
"""

import os
import shutil
import statistics
import sys
import tarfile
from pathlib import Path

from engine import BUILD, EngineError, Shape, options, python_with, run_json, run_quietly, speeds

PACKAGE_VERSION = "0.3.36"

# As this version is built by GCC 12, its first product in tiles ends with an illegal instruction.
HAS_TILES = Path("/proc/cpuinfo").exists() and "amx_tile" in Path("/proc/cpuinfo").read_text()
WITHOUT_TILES = "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"

CMAKE_OPTIONS = [
    "CMAKE_BUILD_TYPE=Release",
    "BUILD_SHARED_LIBS=OFF",
    "GGML_NATIVE=ON",
    "GGML_METAL=OFF",
    "GGML_BLAS=OFF",
    "LLAMA_BUILD_COMMON=ON",
    "LLAMA_BUILD_TOOLS=ON",
    "LLAMA_BUILD_TESTS=OFF",
    "LLAMA_BUILD_EXAMPLES=OFF",
    "LLAMA_BUILD_SERVER=OFF",
    "LLAMA_BUILD_APP=OFF",
    "LLAMA_USE_PREBUILT_UI=OFF",
    "LLAMA_OPENSSL=OFF",
]


class Engine:
    name = "llama.cpp"
    folder = BUILD / f"llama.cpp-{PACKAGE_VERSION}"
    tool = folder / "build/bin/llama-bench"

    def __init__(self) -> None:
        self.commit = "unknown commit"

    def prepare(self) -> None:
        if self.tool.exists():
            return
        print("peers: building llama.cpp, a quarter of an hour on two cores", file=sys.stderr)
        binaries = python_with("build-tools", ["cmake", "ninja"], 0.2).parent
        log = self.folder / "build.log"
        source = self.fetch_source(log)
        cmake = str(binaries / "cmake")
        defines = [f"-D{option}" for option in CMAKE_OPTIONS]
        if HAS_TILES:
            defines += [f"-DCMAKE_{language}_FLAGS={WITHOUT_TILES}" for language in ("C", "CXX")]
        ninja = ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={binaries / 'ninja'}"]
        build = str(self.folder / "build")
        run_quietly([cmake, "-S", str(source), "-B", build, *ninja, *defines], log)
        run_quietly([cmake, "--build", build, "--target", "llama-bench", "-j", str(os.cpu_count() or 2)], log)

    def fetch_source(self, log: Path) -> Path:
        source = self.folder / "source"
        if not source.exists():
            package = f"llama-cpp-python=={PACKAGE_VERSION}"
            download = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--no-deps"]
            run_quietly([*download, "--no-binary", "llama-cpp-python", "-d", str(self.folder), package], log)
            archive = next(self.folder.glob("*.tar.gz"))
            unpacked = self.folder / "unpacked"
            shutil.rmtree(unpacked, ignore_errors=True)
            with tarfile.open(archive) as tar:
                tar.extractall(unpacked, filter="data")
            next(unpacked.iterdir()).rename(source)
            unpacked.rmdir()
            archive.unlink()
        if not (source / "vendor/llama.cpp/tools/llama-bench").exists():
            raise EngineError(f"the source package of llama-cpp-python {PACKAGE_VERSION} holds no llama-bench")
        return source / "vendor/llama.cpp"

    def version(self) -> str:
        native = "native but for tiles, with which it does not run" if HAS_TILES else "native"
        return f"{self.commit} (as in llama-cpp-python {PACKAGE_VERSION}), {native}, f16 cache, flash attention on or off, whichever is faster"

    def measure(self, model: Path, threads: int, repetitions: int, wanted: list[Shape]) -> dict[Shape, float]:
        common = ["-m", str(model), "-r", str(repetitions), "-t", str(threads), "-o", "json"]
        # Which is faster depends on the processor and the depth, so both are timed and the better one counts.
        cache = ["-fa", "on,off", "-ctk", "f16", "-ctv", "f16"]
        rows = [row for run in options(wanted) for row in run_json([str(self.tool), *common, *run, *cache])]
        self.commit = rows[0]["build_commit"]
        rows.sort(key=median_speed)
        return speeds(rows, median_speed, wanted)

    def mean_nll(self, model: Path, threads: int, ids: list[int], prefill: int) -> None:
        return None  # llama-bench does not tell


def median_speed(row: dict) -> float:
    return statistics.median(row["samples_ts"])
