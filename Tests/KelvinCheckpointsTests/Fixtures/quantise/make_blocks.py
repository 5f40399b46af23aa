"""Writes numbers and the blocks that gguf-py makes of them; see README.md. Needs: pip install gguf==0.19.0"""
import json
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf.quants import quantize

folder = Path(__file__).parent
random = np.random.default_rng(7)
blocks = random.standard_normal((64, 32)).astype(np.float32)
blocks *= np.exp2(random.integers(-12, 6, (64, 1))).astype(np.float32)
blocks[0] = 0
blocks[1] = 1
blocks[2] = -3.5
blocks[3] = np.arange(-16, 16)
blocks[4] = np.arange(32) / 7
blocks[5, 1:] = 0
blocks[6] = np.where(np.arange(32) % 2 == 0, 2.5, -2.5)
blocks[7] *= np.float32(2.0**-20)
blocks.tofile(folder / "numbers.bin")
for name, type in [("q8_0", Type.Q8_0), ("q4_0", Type.Q4_0), ("q4_1", Type.Q4_1), ("bf16", Type.BF16), ("f16", Type.F16)]:
    quantize(blocks, type).tofile(folder / f"{name}.bin")
