"""OpenVINO GenAI, through its own pipeline, which reads the same GGUF file."""

from pathlib import Path

from engine import Shape, as_job, measure_in, python_with

PACKAGES = ["openvino-genai==2026.4.1.0"]


class Engine:
    name = "OpenVINO GenAI"

    def prepare(self) -> None:
        self.python = python_with("openvino", PACKAGES, 0.5)

    def version(self) -> str:
        return f"{PACKAGES[0]}, f16 cache, no prefix caching, compute precision as the plug-in chooses"

    def measure(self, model: Path, threads: int, repetitions: int, wanted: list[Shape]) -> dict[Shape, float]:
        job = {"model": str(model), "threads": threads, "repetitions": repetitions, "shapes": as_job(wanted)}
        return dict(zip(wanted, measure_in(self.python, "openvino_worker.py", job)))

    def mean_nll(self, model: Path, threads: int, ids: list[int], prefill: int) -> None:
        return None  # the pipeline does not tell
