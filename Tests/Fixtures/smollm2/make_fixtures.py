"""Writes the goldens of SmolLM2 that the tests read, from the folder of the complete ones.

    python3 make_fixtures.py SOURCE

SOURCE holds logits.json, greedy.json, units.json, kvpress-alice-768.json.gz and policies/*.json.gz, of which methods-256.json.gz
is made by make_methods.py. Of the policies, the runs of those in POLICIES
are kept, in the long golden those with the small budget only. Kept positions become one string of hexadecimal digits per head, digit i
holding positions 4i to 4i+3 (the lowest in the lowest bit); where all heads keep the same, one string stands for all.
"""
import gzip
import json
import pathlib
import sys

POLICIES = ["full", "h2o", "streaming", "vatp", "fastgen", "l2", "snapkv", "tova", "window", "random",
            "scissorhands", "keydiff", "expected", "criticalkv"]
THOROUGH = ["full", "h2o", "streaming"]  # every run of the long golden
GOLDENS = {"alice-12": None, "alice-96": 7, "alice-256": None, "chat": None, "methods-256": None}  # at most so many recorded reviews
# What kvpress calls a method, and what it is here; both remove four fifths of the prompt, the last three half of it as well.
PRESSES = {
    "knorm": "l2:skip=none,recent=0,when=prefill",
    "streaming": "streaming:positions=original,when=prefill",
    "snapkv": "snapkv",
    "tova": "tova:when=prefill",
    "observed": "h2o:norm=mean,recent=0,when=prefill",
    "expected": "expected:recent=0,when=prefill",
    "keydiff": "keydiff:recent=0,when=prefill",
}
NEW = ["observed", "expected", "keydiff"]


def digits(positions, count):
    nibbles = [0] * ((count + 3) // 4)
    for position in positions:
        nibbles[position // 4] |= 1 << position % 4
    return "".join("%x" % nibble for nibble in nibbles)


def kept(layers, seen):
    heads = [digits(positions, seen) for layer in layers for positions in layer]
    return heads[:1] if len(set(heads)) == 1 else heads


def reviews(run, most):
    names = sorted(run["kept"], key=int)
    if most is None or len(names) <= most:
        return names
    early = names[: most // 2]
    step = (len(names) - 1 - most // 2) / (most - len(early) - 1)
    return early + [names[round(most // 2 + i * step)] for i in range(most - len(early))]


def convert(run, golden, most):
    result = {key: run[key] for key in ("policy", "options", "positions", "budget", "nll")}
    if run["policy"] == "full":
        result["kept"] = {}
    else:
        result["kept"] = {n: kept(run["kept"][n], golden["prompt"] + int(n)) for n in reviews(run, most)}
    return result


def isSmall(options):
    return options.get("budget", options.get("threshold")) in (0.2, 0.7)


def presses(source):
    golden = json.loads(gzip.decompress((source / "kvpress-alice-768.json.gz").read_bytes()))
    runs = []
    for run in golden["methods"]:
        if run["name"] in PRESSES and (run["name"] in NEW or run["ratio"] == 0.8):
            name, _, options = PRESSES[run["name"]].partition(":")
            budget = "budget=%d" % len(run["kept"][0][0])
            policy = name + ":" + ",".join(filter(None, [budget, options]))
            runs.append({"press": run["name"], "policy": policy, "kept": kept(run["kept"], golden["prompt"])})
    return {"ids": golden["ids"][: golden["prompt"]], "runs": runs}


def write(path, value):
    path.write_text(json.dumps(value, separators=(",", ":")) + "\n")


def main():
    source, target = pathlib.Path(sys.argv[1]), pathlib.Path(__file__).parent
    (target / "policies").mkdir(exist_ok=True)
    for name, most in GOLDENS.items():
        golden = json.loads(gzip.decompress((source / "policies" / f"{name}.json.gz").read_bytes()))
        runs = [convert(run, golden, most) for run in golden["runs"] if run["policy"] in POLICIES]
        # A policy that closes ranks without a window at the end is refused by design, and so is a seed of 64 bits.
        runs = [run for run in runs if run["policy"] in ("streaming", "window") or run["positions"] == "original"]
        runs = [run for run in runs if run["options"].get("seed", 0) < 1 << 63]
        if name == "alice-256":
            runs = [run for run in runs if run["policy"] in THOROUGH or isSmall(run["options"])]
        write(
            target / "policies" / f"{name}.json",
            {"ids": golden["ids"], "prompt": golden["prompt"], "kinds": golden["kinds"], "runs": runs})
    write(target / "policies" / "kvpress-768.json", presses(source))
    write(target / "logits.json", [
        {key: case[key] for key in ("name", "ids", "nll", "argmax")}
        for case in json.loads((source / "logits.json").read_text())])
    write(target / "greedy.json", [
        {key: case[key] for key in ("ids", "continuation")} for case in json.loads((source / "greedy.json").read_text())])
    cases = json.loads((source / "units.json").read_text())["select"]
    write(target / "selection.json", [
        [case[key] for key in ("positions", "scores", "budget", "first", "last", "keep")] for case in cases])


main()
