"""Writes evidently.json: what Evidently and SciPy say of random samples.

    pip install evidently==0.7.23 'pandas<3' scipy==1.17.1
    python make_evidently.py [SEED] > evidently.json
"""

import json
import math
import random
import sys
import warnings

import numpy as np
import pandas as pd
import scipy.stats as stats
from evidently.legacy.calculations import stattests
from evidently.legacy.calculations.stattests.registry import _get_default_stattest
from evidently.legacy.calculations.stattests.z_stattest import proportions_diff_z_stat_ind
from evidently.legacy.core import ColumnType

from samples import sample

warnings.simplefilter("ignore")

TESTS = {
    "psi": stattests.psi_stat_test,
    "kl_div": stattests.kl_div_stat_test,
    "jensenshannon": stattests.jensenshannon_stat_test,
    "hellinger": stattests.hellinger_stat_test,
    "wasserstein": stattests.wasserstein_stat_test,
    "ks": stattests.ks_stat_test,
    "chisquare": stattests.chi_stat_test,
    "z": stattests.z_stat_test,
}


def spec(rng, kind, rows):
    distinct = rng.choice([0, 0, 1, 2, 3, 5, 6, 15, 20, 21, 40, 200])
    if kind == "word":
        distinct = rng.choice([1, 2, 2, 3, 4, 7, 30])
    scale = {"float": rng.choice([1.0, 1.0, 0.37, 1e-4, 1e6, 1e15, 1e-300, 1e300]), "int": float(rng.choice([1, 2, 7])), "word": 1.0}[kind]
    if kind == "int" and distinct == 0:
        scale = rng.choice([10.0, 100.0, 5000.0])
    return {
        "seed": rng.randrange(1 << 40),
        "rows": rows,
        "shape": rng.choice(["even", "skewed", "bell"]),
        "distinct": distinct,
        "offset": float(rng.choice([0, 0, -3, 1000])) if kind != "word" else float(rng.choice([0, 0, 1])),
        "scale": scale,
        "kind": kind,
        "missing": rng.choice([0, 0, 0, 0, 7, 2, 1]),
        **({"infinite": 5} if kind == "float" and rng.random() < 0.15 else {}),
    }


def pair(rng):
    kind = rng.choice(["float", "float", "int", "word"])
    sizes = [0, 1, 2, 3, 10, 30, 100, 250, 999, 1000, 1001, 1500, 3000]
    rows = [rng.choice(sizes), rng.choice(sizes)]
    if rng.random() < 0.06:
        rows = rng.choice([[12000, 300], [200, 10001], [10500, 15000], [30000, 20000]])
    reference = spec(rng, kind, rows[0])
    current = dict(reference, seed=rng.randrange(1 << 40), rows=rows[1])
    change = rng.random()
    if change < 0.4:
        current["offset"] += current["scale"] * rng.choice([0.05, 0.3, 1.0]) if kind == "float" else rng.choice([0, 1, 2])
    elif change < 0.6:
        current["shape"] = rng.choice(["even", "skewed", "bell"])
    elif change < 0.7:
        current["distinct"] = spec(rng, kind, 1)["distinct"]
    elif change < 0.75:
        current = dict(reference)
    return reference, current


def finite(value):
    return None if value is None or not math.isfinite(value) else float(value)


def expected(reference, current, kind):
    feature = ColumnType.Categorical if kind == "word" else ColumnType.Numerical
    answer = {}
    for name, test in TESTS.items():
        try:
            if name in ("wasserstein", "ks") and kind == "word":
                raise ValueError("needs numbers")
            if not len(reference) or not len(current):
                # Evidently gives 1 for some distances, NaN for others, and errors for the rest.
                raise ValueError("an empty side is not defined here")
            score = float(test.func(reference.copy(), current.copy(), feature, 0.1)[0])
        except Exception:
            score = None
        answer[name] = finite(score)
    if len(reference) and len(current):
        if kind != "word":
            answer["ks_statistic"] = float(stats.ks_2samp(reference, current).statistic)
        if len(set(reference) | set(current)) > 1:
            first = min(set(reference) | set(current))
            answer["z_statistic"] = finite(proportions_diff_z_stat_ind(reference != first, current != first))
        default = _get_default_stattest(reference, current, feature)
        answer["default"] = default.name
        keys = sorted(set(reference.unique()) | set(current.unique()))
        scale = len(current) / len(reference)
        expected = [(reference == key).sum() * scale for key in keys]
        found = [(current == key).sum() for key in keys]
        answer["chisquare_statistic"] = finite(stats.chisquare(found, expected)[0]) if len(keys) > 1 else None
        if len(keys) < 2:
            answer["chisquare"] = None  # No degree of freedom: SciPy says 0 or NaN, as rounding will have it.
    return answer


def main():
    rng = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 20261125)
    cases = []
    while len(cases) < 300:
        reference, current = pair(rng)
        # An all-missing column has no kind of its own.
        columns = []
        for one in (reference, current):
            dtype = {"float": "float64", "int": None, "word": "object"}[one["kind"]]
            values = pd.Series(sample(one), dtype=dtype)
            if one["kind"] == "int" and values.isna().any():
                values = values.astype("float64")
            if one["kind"] != "word" and not len(values):
                values = values.astype("float64")
            columns.append(values.replace([-np.inf, np.inf], np.nan).dropna())
        found = expected(*columns, reference["kind"])
        cases.append({"reference": reference, "current": current, "expected": found})
    print("[")
    print(",\n".join(json.dumps(case) for case in cases))
    print("]")


if __name__ == "__main__":
    main()
