"""Compares `churn drift compare` with Evidently on random files, or times both on a large one.

    pip install evidently==0.7.23 'pandas<3'
    python check_program.py CHURN [--seed N] [--pairs N]
    python check_program.py CHURN --time [--rows 100000] [--columns 20]
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
import warnings

warnings.simplefilter("ignore")

start = time.perf_counter()
import numpy as np
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.legacy.calculations.stattests.registry import get_stattest
from evidently.legacy.core import ColumnType
from evidently.presets import DataDriftPreset

IMPORT_SECONDS = time.perf_counter() - start


def column(rng, rows, kind, shift):
    if kind == "float":
        values = rng.normal(shift, 1.0 + shift / 3, rows)
        return np.round(values, rng.choice([1, 3, 12])) if rng.random() < 0.5 else values
    if kind == "few":
        return rng.integers(0, rng.integers(1, 8), rows).astype(float)
    if kind == "int":
        return rng.integers(0, int(rng.choice([3, 15, 40, 100000])) + int(shift * 5), rows)
    return rng.choice([f"w{i}" for i in range(int(rng.choice([1, 2, 3, 9])) + int(shift))], rows)


def frames(rng):
    rows = [int(rng.choice([1, 5, 60, 400, 1000, 1001, 2500])) for _ in range(2)]
    sides = {}, {}
    for number in range(6):
        kind = rng.choice(["float", "few", "int", "word"])
        for side, shift in enumerate([0.0, rng.choice([0.0, 0.1, 0.5, 2.0])]):
            values = pd.Series(column(rng, rows[side], kind, shift))
            if rng.random() < 0.3:
                values[rng.random(rows[side]) < 0.2] = None
            if kind == "float" and rng.random() < 0.2:
                values[rng.random(rows[side]) < 0.1] = np.inf
            sides[side][f"c{number}"] = values
    return [pd.DataFrame(side) for side in sides]


def kind_of(reference, current):
    numeric = all(pd.api.types.is_numeric_dtype(side) and side.dtype != bool for side in (reference, current))
    return ColumnType.Numerical if numeric else ColumnType.Categorical


def clean(values):
    return values.replace([np.inf, -np.inf], np.nan).dropna()


def check(churn, seed, pairs):
    rng = np.random.default_rng(seed)
    columns = wrong = 0
    for _ in range(pairs):
        with tempfile.TemporaryDirectory() as folder:
            paths = [os.path.join(folder, name) for name in ("a.csv", "b.csv")]
            for frame, path in zip(frames(rng), paths):
                frame.to_csv(path, index=False)
            reference, current = (pd.read_csv(path, float_precision="round_trip") for path in paths)
            for test in [None, "psi", "kl_div", "jensenshannon", "hellinger", "wasserstein", "ks"]:
                command = [churn, "drift", "compare", "--json", "--reference", paths[0], "--current", paths[1]]
                answer = json.loads(subprocess.check_output(command + (["--test", test] if test else [])))
                for verdict in answer["columns"]:
                    columns += 1
                    name = verdict["column"]
                    kind = kind_of(reference[name], current[name])
                    sides = clean(reference[name]), clean(current[name])
                    found = verdict.get("p_value", verdict.get("distance"))
                    try:
                        if not len(sides[0]) or not len(sides[1]):
                            raise ValueError("empty")
                        expected_test = get_stattest(*sides, kind, test)
                        expected = expected_test(*sides, kind, None)
                        score, drifted, label = float(expected.drift_score), bool(expected.drifted), expected_test.name
                        if math.isnan(score):
                            score = drifted = None
                    except ValueError:
                        score, drifted, label = None, None, verdict["test"]
                    tolerance = 1e-7 if test == "hellinger" and (score or 0) < 1e-6 else 1e-9
                    same = score is not None and found is not None and abs(found - score) <= tolerance * max(1, abs(score))
                    if not (same or found == score) or verdict["drifted"] != drifted or verdict["test"] != label:
                        wrong += 1
                        print(f"{name} {test}: {verdict}, Evidently says {label} {score} {drifted}")
    print(f"{columns} verdicts, {wrong} wrong (seed {seed})")
    return wrong


def measure(churn, rows, columns):
    rng = np.random.default_rng(1)
    kinds = ["float", "int", "float", "word"]
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("a.csv", "b.csv")]
        for path, shift in zip(paths, (0.0, 0.2)):
            data = {f"c{number}": column(rng, rows, kinds[number % 4], shift) for number in range(columns)}
            pd.DataFrame(data).to_csv(path, index=False)
        command = [churn, "drift", "compare", "--json", "--reference", paths[0], "--current", paths[1]]
        ours = []
        for _ in range(5):
            begin = time.perf_counter()
            subprocess.check_output(command)
            ours.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        frames = [pd.read_csv(path) for path in paths]
        read = time.perf_counter() - begin
        begin = time.perf_counter()
        sets = [Dataset.from_pandas(frame, data_definition=DataDefinition()) for frame in frames]
        Report([DataDriftPreset()]).run(sets[1], sets[0])
        report = time.perf_counter() - begin
    program = sorted(ours)[2]
    print(f"churn, whole program with both files: {program:.3f} s (median of 5)")
    print(f"Evidently: import {IMPORT_SECONDS:.2f} s, read {read:.2f} s, report {report:.2f} s")
    print(f"whole against whole: {(IMPORT_SECONDS + read + report) / program:.0f}x;"
          f" report alone against our whole: {report / program:.0f}x")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("churn")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--time", action="store_true")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--columns", type=int, default=20)
    args = parser.parse_args()
    if args.time:
        return measure(args.churn, args.rows, args.columns)
    sys.exit(1 if check(args.churn, args.seed, args.pairs) else 0)


if __name__ == "__main__":
    main()
