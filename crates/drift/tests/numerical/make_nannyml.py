"""Writes estimate.json: NannyML's estimates (CBPE) of 200 random models.

    pip install nannyml==0.13.1 'numpy<2'
    python make_nannyml.py > estimate.json
"""

import json
import math
import os
import random
import warnings

# It would tell its makers of each use.
os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"

import nannyml
import numpy as np
import pandas as pd
from nannyml import calibration
from nannyml.exceptions import CalculatorException

from samples import sample

warnings.simplefilter("ignore")

METRICS = ["roc_auc", "average_precision", "f1", "precision", "recall", "specificity", "accuracy"]


def probabilities(spec):
    return [min(max(value, 0.0), 1.0) for value in sample(spec)]


def labels(p, spec, power):
    """Truth drawn from the probability to a power: calibrated when it is 1."""
    draws = sample(spec)
    return [int(u < value**power if power != 2 else u < value * value) for u, value in zip(draws, p)]


def spec(rng, rows, shape):
    return {"seed": rng.randrange(1 << 40), "rows": rows, "shape": shape, "distinct": rng.choice([0, 0, 50, 3]),
            "offset": 0.0, "scale": 1.0, "kind": "float", "missing": 0}


def scaled(specification):
    if specification["distinct"]:
        specification["scale"] = 1.0 / specification["distinct"]
    return specification


def stable_calibration_error(y_true, y_pred_proba, bin_index_edges):
    """NannyML's calibration error with rows of one probability in their order: numpy's default sort leaves them in an
    order of its own, which differs from processor to processor and decides some near cases."""
    order = np.argsort(y_pred_proba, kind="stable")
    p, y = np.asarray(y_pred_proba)[order], np.asarray(y_true)[order]
    return sum((b - a) / len(p) * abs(p[a:b].mean() - y[a:b].mean()) for a, b in bin_index_edges)


def stable_decision(y, p):
    of_numpy = calibration._calculate_expected_calibration_error
    calibration._calculate_expected_calibration_error = stable_calibration_error
    try:
        return calibration.needs_calibration(np.asarray(y), np.asarray(p), calibration.IsotonicCalibrator())
    finally:
        calibration._calculate_expected_calibration_error = of_numpy


def estimated(reference, current):
    """NannyML's estimator, fitted on the columns p, label and y of the reference, and its figures of the other rows. None where
    it refuses, or calibrates on one processor and not on another."""
    estimator = nannyml.CBPE(problem_type="classification_binary", y_pred_proba="p", y_pred="label", y_true="y",
                             metrics=METRICS, chunk_number=1)
    try:
        estimator.fit(reference)
    except CalculatorException:
        return None  # It refuses a class with fewer rows than its splits need.
    if estimator.needs_calibration != stable_decision(reference.y, reference.p):
        return None
    return estimator, estimator.estimate(current).filter(period="analysis").to_df()


def main():
    rng = random.Random(8)
    cases = []
    while len(cases) < 200:
        rows = rng.choice([20, 60, 300, 1000, 4000])
        reference = scaled(spec(rng, rows, rng.choice(["even", "skewed", "bell"])))
        current = scaled(spec(rng, rng.choice([1, 7, 40, 500, 2000]), rng.choice(["even", "skewed", "bell"])))
        truth = dict(spec(rng, rows, "even"), distinct=0)
        power = rng.choice([1, 1, 2])
        threshold = rng.choice([0.3, 0.5, 0.7])
        p = probabilities(reference)
        frame = pd.DataFrame({"p": p, "y": labels(p, truth, power)})
        if frame.y.nunique() < 2:
            continue
        frame["label"] = (frame.p >= threshold).astype(int)
        q = pd.DataFrame({"p": probabilities(current)})
        q["label"] = (q.p >= threshold).astype(int)
        if (found := estimated(frame, q)) is None:
            continue
        estimator, result = found
        expected = {}
        for metric in METRICS:
            values = {"value": "value", "error": "sampling_error", "lower": "lower_confidence_boundary",
                      "upper": "upper_confidence_boundary"}
            found = {key: float(result[metric][column].iloc[0]) for key, column in values.items()}
            expected[metric] = {key: round(value, 9) if math.isfinite(value) else None for key, value in found.items()}
        cases.append({"reference": reference, "current": current, "truth": truth, "power": power,
                      "threshold": threshold, "calibrated": bool(estimator.needs_calibration), "expected": expected})
    print("[")
    print(",\n".join(json.dumps(case) for case in cases))
    print("]")


if __name__ == "__main__":
    main()
