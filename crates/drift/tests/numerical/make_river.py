"""Writes detectors.json: 60 random streams a detector, and where River's detectors warn and call a drift.

    pip install river==0.26.1
    python make_river.py > detectors.json
"""

import json
import random

from river import drift

from samples import sample

SEED = 42


def detector(name):
    return {
        "adwin": drift.ADWIN,
        "page-hinkley": drift.PageHinkley,
        "kswin": lambda: drift.KSWIN(seed=SEED),
        "ddm": drift.binary.DDM,
    }[name]()


def stream(rng, name):
    parts, unit = [], rng.choice([1.0, 1.0, 1.0, 1e-12, 1e9, 1e150])
    for _ in range(rng.choice([1, 2, 3, 4])):
        binary = name == "ddm" or rng.random() < 0.3
        parts.append({
            "seed": rng.randrange(1 << 40),
            "rows": rng.choice([0, 1, 40, 200, 500, 1500]),
            "shape": rng.choice(["even", "skewed", "bell"]),
            "distinct": rng.choice([0, 0, 0, 1, 7]) if not binary else rng.choice([1, 2, 2, 2]),
            "offset": 0.0 if binary else unit * rng.choice([0, 0, 0.2, 1, 5]),
            "scale": 1.0 if binary else unit * rng.choice([0.1, 1.0, 10.0]),
            "kind": "float",
            "missing": 0,
        })
    return parts


def main():
    rng = random.Random(6)
    cases = []
    for name in ["adwin", "page-hinkley", "ddm", "kswin"]:
        for _ in range(60):
            parts = stream(rng, name)
            found = {"detector": name, "seed": SEED, "parts": parts, "warnings": [], "drifts": []}
            watch = detector(name)
            for at, value in enumerate(v for part in parts for v in sample(part)):
                watch.update(value)
                if watch.drift_detected:
                    found["drifts"].append(at)
                elif getattr(watch, "warning_detected", False):
                    found["warnings"].append(at)
            cases.append(found)
    print("[")
    print(",\n".join(json.dumps(case) for case in cases))
    print("]")


if __name__ == "__main__":
    main()
