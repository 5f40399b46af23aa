"""What every engine in the comparison offers."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent


class EngineError(Exception):
    """One sentence for the person at the terminal."""


@dataclass(frozen=True)
class Shape:
    """What is timed: `prompt` tokens read, or `generated` tokens written, after `depth` tokens."""

    prompt: int
    generated: int
    depth: int

    @property
    def title(self) -> str:
        what = f"prefill {self.prompt}" if self.prompt else f"decode {self.generated}"
        return f"{what} at depth {self.depth}"


SHAPES = [Shape(512, 0, 0), Shape(0, 64, 0), Shape(0, 64, 4096)]

# Both command-line tools take the same options for the shapes above.
SHAPE_OPTIONS = ["-p", "512", "-n", "64", "-d", "0,4096"]


class Engine(Protocol):
    """One engine: a module `NAME.py` here holds a class `Engine` that has these."""

    name: str

    def prepare(self) -> None:
        """Builds or installs what is missing; a second call does nothing."""

    def version(self) -> str:
        """What was measured, for the record; known after the first measurement."""

    def measure(self, model: Path, threads: int, repetitions: int) -> dict[Shape, float]:
        """Median tokens per second of each shape, measured now in a process of its own."""


def run_json(command: list[str]) -> list[dict]:
    """Runs a benchmark that prints a JSON list, and returns the list."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise EngineError(f"{Path(command[0]).name} ended with exit code {done.returncode}: {last}")
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise EngineError(f"{Path(command[0]).name} printed no JSON list: {error}") from error


def run_quietly(command: list[str], log: Path) -> None:
    """Runs one step of a set-up; its output goes to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise EngineError(f"'{' '.join(command[:4])} ...' failed with exit code {done.returncode}: see {log}")


def speeds(rows: list[dict], median) -> dict[Shape, float]:
    """Picks the shapes out of a benchmark's rows; `median` reads a row's tokens per second.

    Where several rows have one shape, the last one counts.
    """
    found = {Shape(row["n_prompt"], row["n_gen"], row["n_depth"]): median(row) for row in rows}
    missing = [shape.title for shape in SHAPES if shape not in found]
    if missing:
        raise EngineError(f"the benchmark did not report {', '.join(missing)}")
    return {shape: found[shape] for shape in SHAPES}
