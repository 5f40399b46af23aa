"""Kelvin itself, through `kelvin bench` and `kelvin score`."""

import json
import subprocess
import tempfile
from pathlib import Path

from engine import REPOSITORY, EngineError, Shape, options, run_json, speeds


class Engine:
    """With the full f16 cache, or in another format and with a policy, as options of the tool."""

    tool = REPOSITORY / ".build/release/kelvin"

    def __init__(self, name: str = "Kelvin", formats: tuple[str, ...] = (), policy: tuple[str, ...] = ()) -> None:
        self.name = name
        self.formats = formats
        self.policy = policy

    def prepare(self) -> None:
        if not self.tool.exists():
            raise EngineError("Kelvin is not built: run 'make build' first")

    def version(self) -> str:
        said = subprocess.run([self.tool, "--version"], capture_output=True, text=True).stdout.strip()
        commit = subprocess.run(
            ["git", "-C", REPOSITORY, "describe", "--always", "--dirty"], capture_output=True, text=True
        ).stdout.strip()
        return " ".join(filter(None, [said, commit and f"({commit})", *self.formats, *self.policy]))

    def measure(self, model: Path, threads: int, repetitions: int, wanted: list[Shape]) -> dict[Shape, float]:
        common = ["-m", str(model), "-r", str(repetitions), "-t", str(threads), "-o", "json", *self.formats, *self.policy]
        rows = [row for run in options(wanted) for row in run_json([str(self.tool), "bench", *common, *run])]
        return speeds(rows, lambda row: row["median_ts"], wanted)

    def mean_nll(self, model: Path, threads: int, ids: list[int], prefill: int, is_exact: bool = False) -> float:
        """Of arithmetic and formats; what a policy costs is another question, so every entry stays."""
        extra = ["--exact"] if is_exact else self.formats
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(ids, file)
            file.flush()
            command = [str(self.tool), "score", "-m", str(model), "-t", str(threads), "--tokens", file.name]
            return run_json([*command, "--prefill", str(prefill), "--json", *extra])["mean_nll"]
