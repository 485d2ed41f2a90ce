"""Writes the numerical cases of crates/drift from the reference tools. See README.md beside this file."""

import argparse
import json
import pathlib

import numpy as np
import pandas as pd
from evidently.legacy.calculations.stattests.psi import _psi
from evidently.legacy.core import ColumnType
from scipy.stats import chi2_contingency, false_discovery_control
from sklearn import metrics


def clean(values):
    """As Evidently does before it calls a test (calculations/data_drift.py)."""
    return pd.Series(values).replace([-np.inf, np.inf], np.nan).dropna()


def listed(values):
    return [None if isinstance(v, float) and np.isnan(v) else v for v in np.asarray(values).tolist()]


def psi_case(name, reference, current, kind):
    column = ColumnType.Categorical if kind == "words" else ColumnType.Numerical
    expected, _ = _psi(clean(reference), clean(current), column, 0.1)
    return {
        "name": name,
        "kind": kind,
        "reference": listed(reference),
        "current": listed(current),
        "expected": float(expected),
        "tolerance": 1e-9,
    }


def psi_cases(rng):
    cases = []
    for number in range(24):
        n, m = int(rng.integers(21, 400)), int(rng.integers(1, 400))
        shift, scale = rng.normal(0, 1), rng.uniform(0.5, 2)
        reference, current = rng.normal(0, 1, n).round(3), rng.normal(shift, scale, m).round(3)
        if number % 4 == 1:  # a long tail, as charges have
            reference, current = np.exp(reference * 1.5).round(2), np.exp(current * 1.5).round(2)
        if number % 4 == 2:  # missing values
            reference[rng.random(n) < 0.2] = np.nan
            current[rng.random(m) < 0.1] = np.nan
            current[0] = 0.5
        if number % 4 == 3:  # far outside of the reference
            current = (current + 40).round(3)
        cases.append(psi_case(f"floats {number}", reference, current, "floats"))
    for number in range(12):
        n, m = int(rng.integers(50, 500)), int(rng.integers(50, 500))
        high = int(rng.choice([2, 5, 20, 21, 22, 73]))
        reference, current = rng.integers(0, high, n), rng.binomial(high, 0.3, m)
        cases.append(psi_case(f"whole numbers {number}", reference, current, "whole_numbers"))
    for number in range(16):
        words = np.array(["DSL", "Fiber optic", "No", "Cable", "é", ""])[: int(rng.integers(1, 7))]
        weights = rng.dirichlet(np.ones(len(words)), 2)
        reference = rng.choice(words, int(rng.integers(1, 300)), p=weights[0]).astype(object)
        current = rng.choice(words, int(rng.integers(1, 300)), p=weights[1]).astype(object)
        if number % 3 == 0:
            current[1:][rng.random(len(current) - 1) < 0.2] = None
        cases.append(psi_case(f"words {number}", reference, current, "words"))
    return cases


def repeated_cases(rng):
    """Samples too large to list: values with how often each occurs. So many whole numbers reach numpy's rule that no bin is
    narrower than 1, and such shares reach the rule for shares below 0.0001."""
    cases = []
    for number in range(6):
        values = np.arange(21 + number)
        counts = rng.integers(1, 60_000, (2, len(values)))
        counts[1, rng.integers(0, len(values))] = 0
        counts[0, 3] = 1
        whole = number % 2 == 0
        samples = [np.repeat(values if whole else values / 1.0, side) for side in counts]
        expected, _ = _psi(pd.Series(samples[0]), pd.Series(samples[1]), ColumnType.Numerical, 0.1)
        cases.append({
            "name": f"repeated {number}",
            "whole_numbers": whole,
            "values": values.tolist(),
            "reference": counts[0].tolist(),
            "current": counts[1].tolist(),
            "expected": float(expected),
            "tolerance": 1e-9,
        })
    return cases


def chi_square_cases(rng):
    cases = []
    for number in range(30):
        bins = int(rng.integers(2, 25))
        weights = rng.dirichlet(np.ones(bins), 2)
        blend = rng.random() ** 3
        rows = rng.integers(1, 20_000, 2)
        sides = [rng.multinomial(rows[0], weights[0]), rng.multinomial(rows[1], (1 - blend) * weights[0] + blend * weights[1])]
        table = np.array(sides)
        table = table[:, table.sum(axis=0) > 0]
        if table.shape[1] < 2:
            continue
        expected = chi2_contingency(table, correction=False).pvalue
        cases.append({
            "name": f"chi-square {number}",
            "reference": sides[0].tolist(),
            "current": sides[1].tolist(),
            "expected": float(expected),
            "tolerance": 1e-9,
        })
    return cases


def adjusted_cases(rng):
    cases = []
    for number in range(10):
        p = rng.random(int(rng.integers(1, 30))) ** int(rng.integers(1, 5))
        if number % 2:
            p = p.round(1)  # ties
        cases.append({
            "name": f"adjusted {number}",
            "p_values": p.tolist(),
            "expected": false_discovery_control(p).tolist(),
            "tolerance": 1e-12,
        })
    return cases


def calibration_error(actual, probability):
    bins = np.minimum((probability * 10).astype(int), 9)
    gaps = [abs(probability[bins == b].sum() - actual[bins == b].sum()) for b in range(10)]
    return sum(gaps) / len(actual)


def performance_cases(rng):
    cases = []
    for number in range(20):
        rows = int(rng.integers(2, 600))
        probability = rng.beta(*rng.uniform(0.3, 3, 2), rows)
        if number % 4 == 1:
            probability = probability.round(1)  # ties, 0 and 1 among them
        if number % 4 == 2:
            probability = 0.5 + (probability - 0.5) * 1e-3  # most rows in a few bins
        actual = (rng.random(rows) < (0.2 + 0.6 * probability)).astype(int)
        actual[:2] = [0, 1]
        threshold = float(rng.choice([0.3, 0.5, 0.7]))
        predicted = (probability >= threshold).astype(int)
        defined = {
            "precision": predicted.any() and metrics.precision_score(actual, predicted),
            "recall": metrics.recall_score(actual, predicted),
            "f1": metrics.f1_score(actual, predicted),
        }
        cases.append({
            "name": f"performance {number}",
            "probability": probability.tolist(),
            "predicted": predicted.tolist(),
            "actual": actual.tolist(),
            "expected": {
                "accuracy": float(metrics.accuracy_score(actual, predicted)),
                "precision": float(defined["precision"]) if predicted.any() else None,
                "recall": float(defined["recall"]),
                "f1": float(defined["f1"]),
                "auc": float(metrics.roc_auc_score(actual, probability)),
                "log_loss": float(metrics.log_loss(actual, probability)),
                "brier": float(metrics.brier_score_loss(actual, probability)),
                "calibration_error": float(calibration_error(actual, probability)),
            },
            "tolerance": 1e-9,
        })
    return cases


def write(path, content):
    lines = ["{"]
    for index, (name, cases) in enumerate(content.items()):
        body = ",\n".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in cases)
        lines.append(f'"{name}":[\n{body}\n]' + ("," if index + 1 < len(content) else ""))
    lines.append("}\n")
    path.write_text("\n".join(lines), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    write(args.out / "psi.json", {"samples": psi_cases(rng), "repeated": repeated_cases(rng)})
    write(args.out / "significance.json", {"chi_square": chi_square_cases(rng), "adjusted": adjusted_cases(rng)})
    write(args.out / "performance.json", {"cases": performance_cases(rng)})


if __name__ == "__main__":
    main()
