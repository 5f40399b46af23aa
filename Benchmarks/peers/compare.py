"""Runs Kelvin and its peers in turn on the same weights and prints how fast Kelvin is beside each.

Speeds on a shared machine drift, so the engines take turns, the order changes every round, and the ratio is
taken within a round; the table gives the median ratio and the lowest and highest.
"""

import argparse
import importlib
import json
import statistics
import subprocess
import sys
from pathlib import Path

from engine import REPOSITORY, SHAPES, Engine, EngineError, Shape

PEERS = ["llama_cpp"]


def main() -> None:
    options = parse()
    try:
        model = options.model or demo_model()
        engines = [importlib.import_module(name).Engine() for name in ["kelvin", *options.peer]]
        for engine in engines:
            engine.prepare()
        rounds = [measure_round(engines, number, model, options) for number in range(options.rounds)]
    except EngineError as error:
        sys.exit(f"peers: {error}")
    report = summarise(engines, rounds, model, options)
    print(json.dumps(report, indent=2) if options.json else markdown(report))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="Benchmarks/peers/run", description=__doc__.splitlines()[0])
    parser.add_argument("-m", "--model", type=Path, help="a GGUF file (the demo model unless given)")
    parser.add_argument("-t", "--threads", type=int, default=2)
    parser.add_argument("-r", "--repetitions", type=int, default=3, help="timings of each shape in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer", action="append", choices=PEERS, help="only this one (may be repeated)")
    parser.add_argument("--json", action="store_true", help="print every number instead of the table")
    options = parser.parse_args()
    options.peer = options.peer or PEERS
    return options


def demo_model() -> Path:
    done = subprocess.run([REPOSITORY / "scripts/fetch-model"], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise EngineError("no model: give one with -m")
    return Path(done.stdout.strip())


def measure_round(
    engines: list[Engine], number: int, model: Path, options: argparse.Namespace
) -> dict[str, dict[Shape, float]]:
    speeds = {}
    for engine in engines if number % 2 == 0 else reversed(engines):
        print(f"peers: round {number + 1} of {options.rounds}: {engine.name}", file=sys.stderr)
        speeds[engine.name] = engine.measure(model, options.threads, options.repetitions)
    return speeds


def summarise(
    engines: list[Engine], rounds: list[dict[str, dict[Shape, float]]], model: Path, options: argparse.Namespace
) -> dict:
    kelvin, *peers = [engine.name for engine in engines]
    rows = []
    for peer in peers:
        for shape in SHAPES:
            ours = [speeds[kelvin][shape] for speeds in rounds]
            theirs = [speeds[peer][shape] for speeds in rounds]
            ratios = [our / their for our, their in zip(ours, theirs)]
            rows.append(
                {
                    "peer": peer,
                    "what": shape.title,
                    "kelvin_tokens_per_second": ours,
                    "peer_tokens_per_second": theirs,
                    "ratios": ratios,
                    "ratio": statistics.median(ratios),
                }
            )
    return {
        "model": model.name,
        "threads": options.threads,
        "rounds": options.rounds,
        "repetitions": options.repetitions,
        "versions": {engine.name: engine.version() for engine in engines},
        "rows": rows,
    }


def markdown(report: dict) -> str:
    lines = [
        f"{report['model']}, {report['threads']} threads, median of {report['rounds']} rounds "
        f"of {report['repetitions']}; tokens per second, higher is better.",
        "",
        "| | Kelvin | peer | Kelvin ÷ peer | lowest to highest |",
        "|---|---:|---:|---:|---:|",
    ]
    for row in report["rows"]:
        ours, theirs = (statistics.median(row[f"{who}_tokens_per_second"]) for who in ("kelvin", "peer"))
        lines.append(
            f"| {row['what']}, {row['peer']} | {ours:.1f} | {theirs:.1f} | {row['ratio']:.2f} "
            f"| {min(row['ratios']):.2f} to {max(row['ratios']):.2f} |"
        )
    lines += [""] + [f"- {name}: {version}" for name, version in report["versions"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
