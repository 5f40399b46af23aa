"""What came out, as one object and as a table."""

import argparse
import statistics
from pathlib import Path

from engine import Engine, Shape


def summarise(
    entrants: list[tuple[Engine, list[Shape]]],
    rounds: list[dict[str, dict[Shape, float]]],
    checked: dict,
    model: Path,
    options: argparse.Namespace,
) -> dict:
    ours = [(engine, wanted) for engine, wanted in entrants if engine.name.startswith("Kelvin")]
    peers = [engine for engine, _ in entrants if not engine.name.startswith("Kelvin")]
    void = {name for name, found in checked["engines"].items() if found["void"]}
    rows = []
    for kelvin, wanted in ours:
        for shape in wanted:
            for peer in peers:
                mine = [speeds[kelvin.name][shape] for speeds in rounds]
                theirs = [speeds[peer.name][shape] for speeds in rounds]
                ratios = [our / their for our, their in zip(mine, theirs)]
                rows.append(
                    {
                        "kelvin": kelvin.name,
                        "peer": peer.name,
                        "what": shape.title,
                        "kelvin_tokens_per_second": mine,
                        "peer_tokens_per_second": theirs,
                        "ratios": ratios,
                        "ratio": statistics.median(ratios),
                        "void": sorted(void & {kelvin.name, peer.name}),
                    }
                )
    return {
        "model": model.name,
        "threads": options.threads,
        "rounds": options.rounds,
        "repetitions": options.repetitions,
        "versions": {engine.name: engine.version() for engine, _ in entrants},
        "quality": checked,
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
        title = f"{row['what']}, {row['kelvin']}, {row['peer']}"
        if row["void"]:
            lines.append(f"| {title} | void | void | void | {' and '.join(row['void'])} computes something else |")
            continue
        ours, theirs = (statistics.median(row[f"{who}_tokens_per_second"]) for who in ("kelvin", "peer"))
        lines.append(
            f"| {title} | {ours:.1f} | {theirs:.1f} | {row['ratio']:.2f} "
            f"| {min(row['ratios']):.2f} to {max(row['ratios']):.2f} |"
        )
    quality = report["quality"]
    lines += [
        "",
        f"Mean negative log likelihood of {quality['tokens'] - quality['prefill']} tokens of {quality['text']}: "
        f"{quality['exact_mean_nll']:.4f} in 32-bit floats.",
        "",
    ]
    for name, version in report["versions"].items():
        nll = quality["engines"][name]["mean_nll"]
        lines.append(f"- {name}: {version}; " + ("not checked" if nll is None else f"{nll:.4f} nats"))
    return "\n".join(lines)
