"""Kelvin itself, through `kelvin bench`."""

import subprocess
from pathlib import Path

from engine import REPOSITORY, SHAPE_OPTIONS, EngineError, Shape, run_json, speeds


class Engine:
    name = "Kelvin"
    tool = REPOSITORY / ".build/release/kelvin"

    def prepare(self) -> None:
        if not self.tool.exists():
            raise EngineError("Kelvin is not built: run 'make build' first")

    def version(self) -> str:
        said = subprocess.run([self.tool, "--version"], capture_output=True, text=True).stdout.strip()
        commit = subprocess.run(
            ["git", "-C", REPOSITORY, "describe", "--always", "--dirty"], capture_output=True, text=True
        ).stdout.strip()
        return " ".join(filter(None, [said, commit and f"({commit})"]))

    def measure(self, model: Path, threads: int, repetitions: int) -> dict[Shape, float]:
        options = ["-m", str(model), *SHAPE_OPTIONS, "-r", str(repetitions), "-t", str(threads), "-o", "json"]
        return speeds(run_json([str(self.tool), "bench", *options]), lambda row: row["median_ts"])
