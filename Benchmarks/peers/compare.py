"""Runs Kelvin and its peers in turn on the same weights and prints how fast Kelvin is beside each.

Speeds on a shared machine drift, so the engines take turns, the order changes every round, and the ratio is
taken within a round; the table gives the median ratio and the lowest and highest.
"""

import argparse
import importlib
import json
import subprocess
import sys
from pathlib import Path

import quality
import report
from engine import REPOSITORY, Engine, EngineError, Shape, shapes
from kelvin import Engine as Kelvin

PEERS = ["llama_cpp", "openvino_genai", "torch_transformers"]


def main() -> None:
    options = parse()
    try:
        model = options.model or demo_model()
        kelvin = Kelvin()
        kelvin.prepare()
        entrants = [(kelvin, shapes(options.prompt, options.steps, options.depths))]
        if options.deep:
            deep = Shape(0, options.steps, options.deep)
            entrants[0][1].append(deep)
            entrants.append((small_cache(), [deep]))
        entrants += [(peer, entrants[0][1]) for peer in prepared(options.peer)]
        checked = quality.check([engine for engine, _ in entrants], kelvin, model, options.threads, options.text_tokens)
        rounds = []
        for number in range(options.rounds):
            rounds.append(measure_round(entrants, number, model, options))
            # Who failed once is out of the comparison, and of the rounds that are done.
            entrants = [(engine, wanted) for engine, wanted in entrants if engine.name in rounds[-1]]
            if kelvin not in [engine for engine, _ in entrants]:
                raise EngineError("without Kelvin there is nothing to compare")
    except EngineError as error:
        sys.exit(f"peers: {error}")
    found = report.summarise(entrants, rounds, checked, model, options)
    print(json.dumps(found, indent=2) if options.json else report.markdown(found))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="Benchmarks/peers/run", description=__doc__.splitlines()[0])
    parser.add_argument("-m", "--model", type=Path, help="a GGUF file (the demo model unless given)")
    parser.add_argument("-t", "--threads", type=int, default=2)
    parser.add_argument("-r", "--repetitions", type=int, default=3, help="timings of each shape in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("-p", "--prompt", type=int, default=512, help="tokens of the prompt that is timed")
    parser.add_argument("-n", "--steps", type=int, default=64, help="steps that are timed")
    parser.add_argument("-d", "--depths", type=numbers, default=[0, 4096], help="tokens before the steps: 0,4096")
    parser.add_argument(
        "--deep", type=int, nargs="?", const=8000, help="also steps after 8000 tokens, and Kelvin with a fifth of them"
    )
    parser.add_argument("--text-tokens", type=int, default=512, help="tokens of the text that arithmetic is checked on")
    parser.add_argument("--peer", action="append", choices=PEERS, help="only this one (may be repeated)")
    parser.add_argument("--json", action="store_true", help="print every number instead of the table")
    options = parser.parse_args()
    options.peer = options.peer or PEERS
    return options


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def small_cache() -> Kelvin:
    formats = ("--cache-type-k", "q8_0", "--cache-type-v", "q8_0")
    return Kelvin("Kelvin with 20 % in q8_0", formats, ("--kv-policy", "h2o", "--kv-budget", "20%"))


def prepared(names: list[str]) -> list[Engine]:
    """The peers that can be had here; one line says why another cannot."""
    peers = []
    for name in names:
        peer = importlib.import_module(name).Engine()
        try:
            peer.prepare()
            peers.append(peer)
        except EngineError as error:
            print(f"peers: {peer.name} is left out: {error}", file=sys.stderr)
    if not peers:
        raise EngineError("none of the peers can be had here")
    return peers


def demo_model() -> Path:
    done = subprocess.run([REPOSITORY / "scripts/fetch-model"], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise EngineError("no model: give one with -m")
    return Path(done.stdout.strip())


def measure_round(
    entrants: list[tuple[Engine, list[Shape]]], number: int, model: Path, options: argparse.Namespace
) -> dict[str, dict[Shape, float]]:
    speeds = {}
    for engine, wanted in entrants if number % 2 == 0 else reversed(entrants):
        print(f"peers: round {number + 1} of {options.rounds}: {engine.name}", file=sys.stderr)
        try:
            speeds[engine.name] = engine.measure(model, options.threads, options.repetitions, wanted)
        except EngineError as error:
            print(f"peers: {engine.name} is left out: {error}", file=sys.stderr)
    return speeds


if __name__ == "__main__":
    main()
