"""Goldens of the methods that the first set lacks: the executable specification, extended.

    python3 make_methods.py ORACLE MODEL SOURCE OUT
"""
import functools, gzip, json, math, pathlib, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
import oracle
from oracle import F32, H2O, VATP, Scoring, softmax

oracle.run_prompt = functools.partial(oracle.run_prompt, observe=100000)
_project, _write = oracle.Model.queries_keys_values, oracle.Store.write


def project(self, x, layer):
    q, k, v = _project(self, x, layer)
    self.newest_queries = q
    return q, k, v


def write(self, model, k, v, start):
    if len(k) > 1:
        self.queries = model.newest_queries      # of the prompt, not turned: [P, H, d]
    _write(self, model, k, v, start)


oracle.Model.queries_keys_values, oracle.Store.write = project, write


class MeanH2O(H2O):
    name = "h2o"

    def review(self, store, layer, n, kinds, prompt):
        self.n = n
        return super().review(store, layer, n, kinds, prompt)

    def score(self, store, layer, g, live):
        return store.attention[g, live] / (self.n - live)


class Counting(Scoring):
    """a_ij >= 1/n_i, counted over the last `history` queries; a_ij is the mean over the group."""
    history = 400

    def begin(self, model, prompt_length):
        super().begin(model, prompt_length)
        self.rows = [[[] for _ in range(model.G)] for _ in range(model.L)]
        self.r = model.r

    def review(self, store, layer, n, kinds, prompt):
        for g, live in enumerate(store.live):
            a = store.latest[g * self.r:(g + 1) * self.r].mean(0)       # [T, n]
            for i, row in enumerate(a):
                position = n - len(a) + i
                visible = np.count_nonzero(live <= position)
                seen = np.zeros(n, bool)
                at = live[live <= position]
                seen[at] = row[at] >= F32(1) / F32(visible)
                self.rows[layer][g].append(seen)
            self.rows[layer][g] = self.rows[layer][g][-self.history:]
        return super().review(store, layer, n, kinds, prompt)

    def count(self, layer, g, live):
        return np.array([sum(int(row[j]) for row in self.rows[layer][g] if j < len(row)) for j in live], F32)


class Scissorhands(Counting):
    name = "scissorhands"

    def __init__(self, budget, recent=10, history=400):
        super().__init__(budget, recent)
        self.history = history

    def score(self, store, layer, g, live):
        return self.count(layer, g, live)


class CountingVATP(Counting):
    name = "vatp"

    def __init__(self, budget, sinks=20, recent=10):
        super().__init__(budget, recent)
        self.first = sinks

    def score(self, store, layer, g, live):
        return self.count(layer, g, live) * store.value_norm[g, live]


class KeyDiff(Scoring):
    name = "keydiff"

    def __init__(self, budget, recent=1):
        super().__init__(budget, recent)

    def score(self, store, layer, g, live):
        k = store.keys[live, g].astype(np.float64)
        unit = k / np.linalg.norm(k, axis=-1, keepdims=True)
        mean = unit.mean(0)
        return -(unit @ mean / np.linalg.norm(mean))


class Expected(Scoring):
    name = "expected"

    def __init__(self, budget, sinks=4, recent=1, future=512, epsilon=0.0):
        super().__init__(budget, recent)
        self.first, self.future, self.epsilon = sinks, future, epsilon

    def begin(self, model, prompt_length):
        super().begin(model, prompt_length)
        self.model = model

    def review(self, store, layer, n, kinds, prompt):
        self.n = n
        return super().review(store, layer, n, kinds, prompt)

    def score(self, store, layer, g, live):
        m, d = self.model, self.model.d
        angle = np.arange(self.n, self.n + self.future, dtype=np.float64)[:, None] * m.frequency
        R = np.zeros((d, d))
        for i, (c, s) in enumerate(zip(np.cos(angle).mean(0), np.sin(angle).mean(0))):
            R[2 * i:2 * i + 2, 2 * i:2 * i + 2] = [[c, -s], [s, c]]
        rows = np.flatnonzero(live >= self.first)
        k = store.keys[live[rows], g].astype(np.float64)
        total = np.zeros(len(rows))
        for h in range(g * m.r, (g + 1) * m.r):
            q = store.queries[self.first:, h].astype(np.float64)
            mu = q.mean(0)
            cov = (q - mu).T @ (q - mu) / len(q)
            z = k @ (R @ mu) / math.sqrt(d) + np.einsum("ni,ij,nj->n", k, R @ cov @ R.T, k) / (2 * d)
            total += softmax(z) / m.r
        scores = np.zeros(len(live))
        norm = np.linalg.norm(store.values[live[rows], g].astype(np.float64), axis=-1)
        scores[rows] = (total + self.epsilon) * norm
        return scores


class CriticalKV(H2O):
    name = "criticalkv"

    def __init__(self, budget, sinks=0, recent=None):
        super().__init__(budget, recent)
        self.first = sinks

    def begin(self, model, prompt_length):
        super().begin(model, prompt_length)
        self.model = model

    def review(self, store, layer, n, kinds, prompt):
        self.n = n
        return super().review(store, layer, n, kinds, prompt)

    def keep(self, store, layer, g, n, kinds, prompt):
        m, live = self.model, store.live[g]
        if len(live) <= self.B:
            return live
        A = store.attention[g, live].astype(np.float64)
        W = m.W[f"blk.{layer}.attn_output.weight"].reshape(m.D, m.H, m.d)
        moved = np.mean([np.abs(store.values[live, g] @ W[:, h].T).sum(-1) for h in range(g * m.r, (g + 1) * m.r)], 0)
        protected = (live < self.first) | (np.arange(len(live)) >= len(live) - self.last)
        room = self.B - protected.sum()
        if room <= 0:
            return super().keep(store, layer, g, n, kinds, prompt)
        others = np.flatnonzero(~protected)
        by_attention = others[np.lexsort((live[others], -A[others]))]
        chosen = list(by_attention[:room // 2])
        rest = np.setdiff1d(others, chosen)
        s = (A[rest] / n + 1e-4) * moved[rest]
        chosen += list(rest[np.lexsort((live[rest], -s))][:room - len(chosen)])
        return np.sort(np.concatenate([live[protected], live[chosen]]))


for c in (Scissorhands, KeyDiff, Expected, CriticalKV):
    oracle.POLICIES[c.name] = c

RUNS = {
    "alice-256": [
        ("h2o", {"budget": 0.2, "norm": "mean"}, MeanH2O(0.2)),
        ("scissorhands", {"budget": 0.2}, Scissorhands(0.2)),
        ("scissorhands", {"budget": 0.2, "history": 40, "recent": 4}, Scissorhands(0.2, 4, 40)),
        ("vatp", {"budget": 0.2, "sinks": 4, "host": "scissorhands"}, CountingVATP(0.2, 4)),
        ("keydiff", {"budget": 0.2}, KeyDiff(0.2)),
        ("expected", {"budget": 0.2}, Expected(0.2)),
        ("expected", {"budget": 0.2, "sinks": 1, "future": 64, "epsilon": 0.02}, Expected(0.2, 1, 1, 64, 0.02)),
        ("criticalkv", {"budget": 0.2}, CriticalKV(0.2)),
        ("criticalkv", {"budget": 0.2, "sinks": 4, "recent": 8}, CriticalKV(0.2, 4, 8)),
    ],
}


def main():
    _, _, path, source, out = sys.argv
    model = oracle.Model(path)
    for name, settings in RUNS.items():
        golden = json.loads(gzip.decompress((pathlib.Path(source) / "policies" / f"{name}.json.gz").read_bytes()))
        reviews = [0, 1, 16, 63]
        results = oracle.run(model, golden["ids"], golden["prompt"],
                             [oracle.make_policy("full")] + [p for _, _, p in settings], reviews, progress=True)[1:]
        runs = []
        for (policy, options, made), result in zip(settings, results):
            runs.append({"policy": policy, "options": options, "positions": "original", "budget": made.B,
                         "nll": result["nll"], "kept": {str(k): v for k, v in result["kept"].items()}})
            print(policy, options, np.mean(result["nll"]))
        data = {"ids": golden["ids"], "prompt": golden["prompt"], "kinds": golden["kinds"], "runs": runs}
        pathlib.Path(out).write_bytes(gzip.compress(json.dumps(data).encode(), 9, mtime=0))


main()
