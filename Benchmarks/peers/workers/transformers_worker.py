"""Times transformers in an environment of its own: a job in JSON in, tokens per second of each shape out.

Each shape is timed with both kinds of attention, and the faster one counts. A job with `ids` asks for the mean negative
log likelihood of the ids after `prefill` instead, of the kind that is worse.
"""

import json
import os
import statistics
import sys
import time

os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_PROGRESS_BARS="1", TRANSFORMERS_VERBOSITY="error")

import torch
from transformers import AutoModelForCausalLM


# The fused kernel is the faster one for prompts, two products and a softmax for steps after many tokens.
ATTENTIONS = ["sdpa", "eager"]


def main() -> None:
    job = json.loads(sys.argv[1])
    torch.set_num_threads(job["threads"])
    folder, file = os.path.split(job["model"])
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.bfloat16).eval()
    with torch.inference_mode():
        if "ids" in job:
            print(json.dumps(max(mean_nll(model, kind, torch.tensor([job["ids"]]), job["prefill"]) for kind in ATTENTIONS)))
        else:
            print(json.dumps(speeds(model, job["shapes"], job["repetitions"])))


def mean_nll(model, attention: str, ids, prefill: int) -> float:
    model.set_attn_implementation(attention)
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


def speeds(model, shapes: list[list[int]], repetitions: int) -> list[float]:
    """In the order of depth, so that what one shape has in its cache is the beginning of the next one's."""
    for attention in reversed(ATTENTIONS):
        model.set_attn_implementation(attention)
        prompt(model, 16, None)
    found = {}
    cache, held = None, 0
    for tokens, generated, depth in sorted(shapes, key=lambda shape: shape[2]):
        model.set_attn_implementation(ATTENTIONS[0])
        cache, held = prompt(model, depth - held, cache), depth
        medians = []
        for attention in ATTENTIONS:
            model.set_attn_implementation(attention)
            runs = [speed(model, tokens, generated, depth, cache) for _ in range(repetitions)]
            medians.append(statistics.median(runs))
        found[tokens, generated, depth] = max(medians)
    return [found[tuple(shape)] for shape in shapes]


def speed(model, tokens: int, generated: int, depth: int, cache) -> float:
    """Leaves the cache with the `depth` tokens that it had; none where it is `None`."""
    ids = torch.randint(model.config.vocab_size, (generated, 1, 1))
    start = time.perf_counter()
    after = prompt(model, tokens, cache)
    for step in ids:
        after = model(step, past_key_values=after, use_cache=True).past_key_values
    seconds = time.perf_counter() - start
    if cache is not None:
        cache.crop(depth)
    return (tokens or generated) / seconds


if __name__ == "__main__":
    main()
