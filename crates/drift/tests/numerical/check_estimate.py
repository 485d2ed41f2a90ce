"""Compares `churn drift estimate` with NannyML on random models.

    pip install nannyml==0.13.1 'numpy<2'
    python check_estimate.py CHURN [--seed N] [--models N]
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile

import numpy as np
import pandas as pd

from make_nannyml import METRICS, estimated

SPELLINGS = [("0", "1"), ("No", "Yes"), ("False", "True"), ("0.0", "1.0"), ("false", "true")]


def probabilities(rng, rows, law):
    if law == "digits":
        return np.round(rng.beta(1, 3, rows), 2)
    if law == "certain":
        return rng.choice([0.0, 1.0, 0.5], rows)
    return rng.beta(*{"even": (1, 1), "rare": (0.5, 6), "sure": (0.2, 0.2), "middle": (9, 9)}[law], rows)


def model(rng):
    """Labelled and unlabelled rows."""
    laws = ["even", "rare", "sure", "middle", "digits", "certain"]
    law, bend = rng.choice(laws), rng.choice([0.5, 1.0, 1.0, 2.0])
    p = probabilities(rng, int(rng.choice([10, 40, 150, 700, 3000])), law)
    q = probabilities(rng, int(rng.choice([1, 2, 9, 80, 600, 2500])), law if rng.random() < 0.7 else rng.choice(laws))
    return p, (rng.random(len(p)) < p**bend).astype(int), q


def write(rng, path, frame):
    """Flags are spelled as chance has it, and some rows have a hole."""
    words = SPELLINGS[rng.integers(0, len(SPELLINGS))]
    text = frame.copy()
    for name in ("label", "y"):
        if name in text:
            text[name] = text[name].map(lambda flag: words[flag])
    text["p"] = text["p"].map(repr) if rng.random() < 0.5 else text["p"]
    hole = pd.DataFrame({name: [""] for name in text})
    text.astype(object).to_csv(path, index=False) if rng.random() < 0.7 else pd.concat([text.astype(object), hole]).to_csv(path, index=False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("churn")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--models", type=int, default=200)
    args = parser.parse_args()
    rng, models, calibrated, figures, wrong = np.random.default_rng(args.seed), 0, 0, 0, 0
    while models < args.models:
        (p, y, q), threshold = model(rng), float(rng.choice([0.2, 0.5, 0.8]))
        if len(set(y)) < 2:
            continue  # NannyML has no figure for one class.
        reference = pd.DataFrame({"p": p, "label": (p >= threshold).astype(int), "y": y})
        current = pd.DataFrame({"p": q, "label": (q >= threshold).astype(int)})
        if (answer := estimated(reference, current)) is None:
            continue
        estimator, result = answer
        with tempfile.TemporaryDirectory() as folder:
            paths = [os.path.join(folder, name) for name in ("scored.csv", "unlabelled.csv")]
            write(rng, paths[0], reference)
            write(rng, paths[1], current)
            command = [args.churn, "drift", "estimate", "--json", "--reference", paths[0], "--current", paths[1], "--probability",
                       "p", "--truth", "y"]
            found = json.loads(subprocess.check_output(command))
        models, calibrated = models + 1, calibrated + found["calibrated"]
        if found["calibrated"] != estimator.needs_calibration:
            wrong += 1
            print(f"model {models}: calibrated is {found['calibrated']}, NannyML says {estimator.needs_calibration}")
            continue
        for metric in METRICS:
            expected = float(result[metric]["value"].iloc[0])
            value = found[metric]["value"] if found[metric] else math.nan
            figures += 1
            if not (abs(value - expected) <= 1e-6 or math.isnan(value) and math.isnan(expected)):
                wrong += 1
                print(f"model {models} {metric} of {len(p)} and {len(q)} rows: {value}, NannyML says {expected}")
    print(f"{models} models ({calibrated} calibrated), {figures} figures, {wrong} wrong (seed {args.seed})")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
