"""Whether engines that are timed also compute: their likelihoods of a fixed text beside Kelvin's in 32-bit floats.

A fast wrong product is worth nothing, so a row whose engine is further off than `TOLERANCE` is void.
"""

import sys
from pathlib import Path

from engine import REPOSITORY, Engine, EngineError, run_json
from kelvin import Engine as Kelvin

# In nats a token. Activations as int8 in blocks of 32 stay within a few thousandths.
TOLERANCE = 0.02
TEXT = REPOSITORY / "Examples/alice.txt"


def check(engines: list[Engine], kelvin: Kelvin, model: Path, threads: int, tokens: int) -> dict:
    """Mean negative log likelihoods of the second half of the text's first tokens, all entries kept."""
    tokenized = run_json([str(kelvin.tool), "tokenize", "-m", str(model), "-f", str(TEXT), "--json"])
    ids = tokenized["ids"][:tokens]
    prefill = len(ids) // 2
    print("peers: checking what the engines compute", file=sys.stderr)
    exact = kelvin.mean_nll(model, threads, ids, prefill, is_exact=True)
    found = {}
    for engine in engines:
        try:
            nll = engine.mean_nll(model, threads, ids, prefill)
        except EngineError as error:
            print(f"peers: {engine.name} could not be checked: {error}", file=sys.stderr)
            nll = None
        found[engine.name] = {"mean_nll": nll, "void": nll is not None and not abs(nll - exact) <= TOLERANCE}
    return {"text": TEXT.name, "tokens": len(ids), "prefill": prefill, "exact_mean_nll": exact, "engines": found}
