"""Times OpenVINO GenAI in an environment of its own: a job in JSON in, tokens per second of each shape out."""

import json
import random
import statistics
import sys

import numpy
import openvino
import openvino_genai

VOCABULARY = 32_000  # smaller than that of any model here; which tokens they are does not change the time


def main() -> None:
    job = json.loads(sys.argv[1])
    scheduler = openvino_genai.SchedulerConfig()
    # A prompt that was read before would cost nothing, and the memory is what the deepest shape needs and some.
    scheduler.enable_prefix_caching = False
    scheduler.cache_size = 2
    # Prompts in passes as long as Kelvin's.
    scheduler.max_num_batched_tokens = 512
    scheduler.dynamic_split_fuse = True
    pipeline = openvino_genai.LLMPipeline(
        job["model"],
        "CPU",
        scheduler_config=scheduler,
        INFERENCE_NUM_THREADS=job["threads"],
        KV_CACHE_PRECISION="f16",
    )
    generate(pipeline, 16, 4)
    speeds = []
    for prompt, generated, depth in job["shapes"]:
        runs = [speed(pipeline, prompt, generated, depth) for _ in range(job["repetitions"])]
        speeds.append(statistics.median(runs))
    print(json.dumps(speeds))


def speed(pipeline, prompt: int, generated: int, depth: int) -> float:
    if prompt:
        return prompt * 1e3 / generate(pipeline, prompt, 1).get_ttft().mean
    # The first token belongs to the prompt.
    return 1e3 / generate(pipeline, max(1, depth), generated + 1).get_tpot().mean


def generate(pipeline, prompt: int, generated: int):
    ids = numpy.array([[random.randrange(VOCABULARY) for _ in range(prompt)]], dtype=numpy.int64)
    inputs = openvino_genai.TokenizedInputs(openvino.Tensor(ids), openvino.Tensor(numpy.ones_like(ids)))
    config = openvino_genai.GenerationConfig(
        max_new_tokens=generated, min_new_tokens=generated, ignore_eos=True, do_sample=False
    )
    result = pipeline.generate(inputs, config)
    if len(result.tokens[0]) != generated:
        sys.exit(f"{len(result.tokens[0])} tokens were written, expected {generated}")
    return result.perf_metrics


if __name__ == "__main__":
    main()
