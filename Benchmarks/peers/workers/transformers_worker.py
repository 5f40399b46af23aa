"""Times transformers in an environment of its own: a job in JSON in, tokens per second of each shape out.

A job with `ids` asks for the mean negative log likelihood of the ids after `prefill` instead.
"""

import json
import os
import statistics
import sys
import time

os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_PROGRESS_BARS="1", TRANSFORMERS_VERBOSITY="error")

import torch
from transformers import AutoModelForCausalLM


def main() -> None:
    job = json.loads(sys.argv[1])
    torch.set_num_threads(job["threads"])
    folder, file = os.path.split(job["model"])
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.bfloat16).eval()
    with torch.inference_mode():
        if "ids" in job:
            print(json.dumps(mean_nll(model, torch.tensor([job["ids"]]), job["prefill"])))
            return
        prompt(model, 16, None)
        speeds = []
        for shape in job["shapes"]:
            speeds.append(statistics.median(speed(model, *shape) for _ in range(job["repetitions"])))
        print(json.dumps(speeds))


def mean_nll(model, ids, prefill: int) -> float:
    logits = model(ids).logits[0, prefill - 1 : -1].float()
    return torch.nn.functional.cross_entropy(logits, ids[0, prefill:]).item()


def prompt(model, tokens: int, cache):
    """Reads random tokens in passes as long as Kelvin's; returns the cache."""
    left = tokens
    while left > 0:
        count = min(512, left)
        ids = torch.randint(model.config.vocab_size, (1, count))
        cache = model(ids, past_key_values=cache, use_cache=True, logits_to_keep=1).past_key_values
        left -= count
    return cache


def speed(model, tokens: int, generated: int, depth: int) -> float:
    cache = prompt(model, depth, None)
    ids = torch.randint(model.config.vocab_size, (generated, 1, 1))
    start = time.perf_counter()
    if tokens:
        prompt(model, tokens, cache)
    else:
        for step in ids:
            cache = model(step, past_key_values=cache, use_cache=True).past_key_values
    return (tokens or generated) / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
