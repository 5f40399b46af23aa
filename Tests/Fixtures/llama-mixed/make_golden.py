"""Writes config.json, model.safetensors and golden.json: a tiny Llama whose layers have 4, 2 and 1 KV heads.

Random weights, computed in 64-bit floats as the paper says (arXiv 2302.13971), independent of the Swift code:
    python3 make_golden.py FOLDER
"""
import json
import math
import struct
import sys

import numpy as np

CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 320, "hidden_size": 64,
    "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": [4, 2, 1],
    "head_dim": 32, "hidden_act": "silu", "max_position_embeddings": 256, "rms_norm_eps": 1e-05, "rope_theta": 10000.0,
    "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": True, "torch_dtype": "float32",
}
HEADS, SHARED, WIDTH, HIDDEN, INNER = 4, [4, 2, 1], 32, 64, 48


def weights(random):
    """Matrices that keep numbers of the size they had; gains around 1."""
    def matrix(rows, columns):
        return (random.standard_normal((rows, columns)) * 1.5 / math.sqrt(columns)).astype(np.float32)

    def gain():
        return (1 + random.standard_normal(HIDDEN) * 0.2).astype(np.float32)

    tensors = {"model.embed_tokens.weight": (random.standard_normal((320, HIDDEN)) * 0.2).astype(np.float32)}
    for layer, shared in enumerate(SHARED):
        start = f"model.layers.{layer}."
        tensors[start + "input_layernorm.weight"] = gain()
        tensors[start + "self_attn.q_proj.weight"] = matrix(HEADS * WIDTH, HIDDEN)
        tensors[start + "self_attn.k_proj.weight"] = matrix(shared * WIDTH, HIDDEN)
        tensors[start + "self_attn.v_proj.weight"] = matrix(shared * WIDTH, HIDDEN)
        tensors[start + "self_attn.o_proj.weight"] = matrix(HIDDEN, HEADS * WIDTH)
        tensors[start + "post_attention_layernorm.weight"] = gain()
        tensors[start + "mlp.gate_proj.weight"] = matrix(INNER, HIDDEN)
        tensors[start + "mlp.up_proj.weight"] = matrix(INNER, HIDDEN)
        tensors[start + "mlp.down_proj.weight"] = matrix(HIDDEN, INNER)
    tensors["model.norm.weight"] = gain()
    return tensors


def norm(x, gain):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * gain


def turned(x):
    """x [T, heads, width]: channel i and channel i + width / 2 turn by position * 10000^(-2i / width)."""
    half = WIDTH // 2
    angles = np.outer(np.arange(len(x)), 10000.0 ** (-np.arange(half) / half))[:, None]
    a, b = x[..., :half], x[..., half:]
    return np.concatenate([a * np.cos(angles) - b * np.sin(angles), b * np.cos(angles) + a * np.sin(angles)], -1)


def attention(q, k, v):
    seen = np.tril(np.ones((len(q), len(q)), bool))
    outputs = []
    for head in range(HEADS):
        shared = head * k.shape[1] // HEADS
        scores = np.where(seen, q[:, head] @ k[:, shared].T / math.sqrt(WIDTH), -np.inf)
        share = np.exp(scores - scores.max(-1, keepdims=True))
        outputs.append(share / share.sum(-1, keepdims=True) @ v[:, shared])
    return np.concatenate(outputs, -1)


def logits(tensors, tokens):
    w = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}
    x = w["model.embed_tokens.weight"][tokens]
    for layer, shared in enumerate(SHARED):
        start = f"model.layers.{layer}."
        part = lambda name, y: y @ w[start + name + ".weight"].T
        y = norm(x, w[start + "input_layernorm.weight"])
        q = turned(part("self_attn.q_proj", y).reshape(-1, HEADS, WIDTH))
        k = turned(part("self_attn.k_proj", y).reshape(-1, shared, WIDTH))
        v = part("self_attn.v_proj", y).reshape(-1, shared, WIDTH)
        x = x + part("self_attn.o_proj", attention(q, k, v))
        y = norm(x, w[start + "post_attention_layernorm.weight"])
        gate = part("mlp.gate_proj", y)
        x = x + part("mlp.down_proj", gate / (1 + np.exp(-gate)) * part("mlp.up_proj", y))
    return norm(x, w["model.norm.weight"]) @ w["model.embed_tokens.weight"].T


def golden(tensors, tokens):
    rows = logits(tensors, tokens)
    top = [{"position": p, "ids": (ids := np.argsort(-rows[p])[:8].tolist()), "logits": rows[p][ids].tolist()} for p in (7, 19, 31)]
    shares = np.log(np.exp(rows).sum(-1))
    nll = [float(shares[i] - rows[i, tokens[i + 1]]) for i in range(len(tokens) - 1)]
    grown, margins = list(tokens), []
    for _ in range(16):
        last = logits(tensors, grown)[-1]
        best = np.sort(last)[-2:]
        margins.append(float(best[1] - best[0]))
        grown.append(int(last.argmax()))
    assert min(margins) >= 0.02, min(margins)
    return {"tokens": tokens, "last_logits": rows[-1].tolist(), "top8": top, "nll": nll,
            "greedy": {"new_tokens": grown[len(tokens):]}}


def save(tensors, path):
    """A safetensors file: the length of a JSON header, the header, the numbers."""
    header, offset = {}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [offset, offset + tensor.nbytes]}
        offset += tensor.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(tensor.tobytes())


def main(folder):
    for seed in range(1000):
        random = np.random.default_rng(seed)
        tensors = weights(random)
        tokens = random.integers(3, 320, 40).tolist()
        try:
            result = golden(tensors, tokens)
        except AssertionError:
            continue
        save(tensors, folder + "/model.safetensors")
        json.dump(CONFIG, open(folder + "/config.json", "w"), indent=1)
        json.dump(result, open(folder + "/golden.json", "w"))
        print("seed", seed, "greedy", result["greedy"]["new_tokens"])
        return


main(sys.argv[1])
