"""What every engine in the comparison offers."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
BUILD = HERE / ".build"


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


def shapes(prompt: int, generated: int, depths: list[int]) -> list[Shape]:
    """One prompt at depth 0, and steps at every depth."""
    return [Shape(prompt, 0, 0), *(Shape(0, generated, depth) for depth in depths)]


class Engine(Protocol):
    """One engine: a module `NAME.py` here holds a class `Engine` that has these."""

    name: str

    def prepare(self) -> None:
        """Builds or installs what is missing; a second call does nothing. An `EngineError` leaves the engine out."""

    def version(self) -> str:
        """What was measured, for the record; known after the first measurement."""

    def measure(self, model: Path, threads: int, repetitions: int, wanted: list[Shape]) -> dict[Shape, float]:
        """Median tokens per second of each shape, measured now in a process of its own."""

    def mean_nll(self, model: Path, threads: int, ids: list[int], prefill: int) -> float | None:
        """Mean negative log likelihood of `ids[prefill:]`, in nats; `None` where the engine does not tell."""


def run_json(command: list[str]):
    """Runs a program that prints JSON, and returns it."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise EngineError(f"{Path(command[0]).name} ended with exit code {done.returncode}: {last}")
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise EngineError(f"{Path(command[0]).name} printed no JSON: {error}") from error


def run_quietly(command: list[str], log: Path) -> None:
    """Runs one step of a set-up; its output goes to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise EngineError(f"'{' '.join(command[:4])} ...' failed with exit code {done.returncode}: see {log}")


def python_with(name: str, packages: list[str], gigabytes: float) -> Path:
    """The Python of an environment of its own, `.build/NAME`, that has `packages`; made the first time."""
    folder = BUILD / name
    python, mark = folder / "bin/python", folder / "ready"
    if mark.exists() and mark.read_text() == "\n".join(packages):
        return python
    BUILD.mkdir(exist_ok=True)
    room = os.statvfs(BUILD)
    if room.f_bavail * room.f_frsize < gigabytes * 2e9:
        raise EngineError(f"needs {gigabytes * 2:.0f} GB of disk to install {packages[0]}")
    print(f"peers: installing {', '.join(packages)}", file=sys.stderr)
    log = BUILD / f"{name}.log"
    run_quietly([sys.executable, "-m", "venv", "--clear", str(folder)], log)
    run_quietly([str(python), "-m", "pip", "--disable-pip-version-check", "install", "-q", *packages], log)
    mark.write_text("\n".join(packages))
    return python


def measure_in(python: Path, script: str, job: dict):
    """Runs `workers/SCRIPT` with that Python and a job in JSON; returns the JSON that it prints last."""
    command = [str(python), "-B", str(HERE / "workers" / script), json.dumps(job)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise EngineError(f"{script} ended with exit code {done.returncode}: {last}")
    return json.loads(lines[-1])


def as_job(wanted: list[Shape]) -> list[list[int]]:
    """Shapes as numbers, for a job."""
    return [[shape.prompt, shape.generated, shape.depth] for shape in wanted]


def options(wanted: list[Shape]) -> list[list[str]]:
    """The options of llama-bench and `kelvin bench` that time the shapes, one list a run."""
    prompts = [shape for shape in wanted if shape.prompt]
    steps = [shape for shape in wanted if not shape.prompt]
    runs = [["-p", str(shape.prompt), "-n", "0", "-d", str(shape.depth)] for shape in prompts]
    if steps:
        runs.append(["-p", "0", "-n", str(steps[0].generated), "-d", ",".join(str(shape.depth) for shape in steps)])
    return runs


def speeds(rows: list[dict], median, wanted: list[Shape]) -> dict[Shape, float]:
    """Picks the shapes out of a benchmark's rows; `median` reads a row's tokens per second.

    Where several rows have one shape, the last one counts.
    """
    found = {Shape(row["n_prompt"], row["n_gen"], row["n_depth"]): median(row) for row in rows}
    missing = [shape.title for shape in wanted if shape not in found]
    if missing:
        raise EngineError(f"the benchmark did not report {', '.join(missing)}")
    return {shape: found[shape] for shape in wanted}
