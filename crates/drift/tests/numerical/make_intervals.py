"""Writes intervals.json: how far average precision and calibration error of random models scatter, by bootstraps of their rows.

    pip install 'scikit-learn==1.9.*'
    python make_intervals.py > intervals.json

A bootstrap draws the rows anew, with repetition, a thousand times (RESAMPLES) and takes scikit-learn's `average_precision_score`, and
the calibration error over ten bins by numpy, of each draw. Rows and truth are recipes, as in make_nannyml.py.
"""

import json
import random
import sys

import numpy as np
from sklearn.metrics import average_precision_score

from samples import sample

RESAMPLES = 1000


def calibration_error(p, y):
    bins = np.minimum((p * 10).astype(int), 9)
    gaps = np.bincount(bins, weights=p - y, minlength=10)
    return float(np.abs(gaps).sum() / len(p))


def spec(rng, rows, shape):
    return {"seed": rng.randrange(1 << 40), "rows": rows, "shape": shape, "distinct": rng.choice([0, 0, 50]),
            "offset": 0.0, "scale": 1.0, "kind": "float", "missing": 0}


def case(number, rng):
    rows = rng.choice([400, 1000, 3000])
    p_spec, u_spec = spec(rng, rows, rng.choice(["even", "skewed", "bell"])), spec(rng, rows, "even")
    u_spec["distinct"] = 0
    if p_spec["distinct"]:
        p_spec["scale"] = 1.0 / p_spec["distinct"]
    # By how much the model tells too much: the truth is drawn from the probability less this.
    over = rng.choice([0.0, 0.0, 0.15, 0.3])
    p = np.clip(np.array(sample(p_spec), dtype=float), 0.0, 1.0)
    y = (np.array(sample(u_spec)) < p - over).astype(int)
    draws = np.random.default_rng(number)
    precision, error = [], []
    for _ in range(RESAMPLES):
        chosen = draws.integers(0, rows, rows)
        if y[chosen].any():
            precision.append(average_precision_score(y[chosen], p[chosen]))
        error.append(calibration_error(p[chosen], y[chosen]))
    lower, upper = np.quantile(error, [0.025, 0.975])
    return {
        "name": f"case {number}, {rows} rows, {int(y.sum())} positive, {over} too much",
        "probability": p_spec, "truth": u_spec, "over": over,
        "average_precision": float(average_precision_score(y, p)),
        "average_precision_deviation": float(np.std(precision)),
        "calibration_error": calibration_error(p, y),
        "calibration_error_lower": float(lower), "calibration_error_upper": float(upper),
    }


def main():
    rng = random.Random(20)
    cases = []
    while len(cases) < 60:
        found = case(len(cases), rng)
        # The formula is for rows enough: a handful of positives scatter as nothing does.
        if found["average_precision"] > 0 and int(found["name"].split(", ")[2].split()[0]) >= 20:
            cases.append(found)
    json.dump({"cases": cases}, sys.stdout, indent=0)
    print()


if __name__ == "__main__":
    main()
