"""Hugging Face transformers on PyTorch in bfloat16, on the weights of the same GGUF file, expanded as it loads."""

from pathlib import Path

from engine import Shape, as_job, measure_in, python_with

PACKAGES = ["torch==2.13.0+cpu", "transformers==5.2.0", "gguf==0.19.0", "accelerate"]


class Engine:
    name = "PyTorch"

    def prepare(self) -> None:
        self.python = python_with("transformers", PACKAGES, 1.5)

    def version(self) -> str:
        return f"{PACKAGES[1]}, {PACKAGES[0]}, bfloat16 weights and cache, scaled_dot_product_attention, eager"

    def measure(self, model: Path, threads: int, repetitions: int, wanted: list[Shape]) -> dict[Shape, float]:
        job = {"model": str(model), "threads": threads, "repetitions": repetitions, "shapes": as_job(wanted)}
        return dict(zip(wanted, measure_in(self.python, "transformers_worker.py", job)))

    def mean_nll(self, model: Path, threads: int, ids: list[int], prefill: int) -> float:
        job = {"model": str(model), "threads": threads, "ids": ids, "prefill": prefill}
        return measure_in(self.python, "transformers_worker.py", job)
