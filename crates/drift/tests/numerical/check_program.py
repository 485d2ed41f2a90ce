"""Compares `churn drift compare` with Evidently on random files, or times both on a large one.

    pip install evidently==0.7.23 'pandas<3'
    python check_program.py CHURN [--seed N] [--pairs N] [--keep FOLDER]
    python check_program.py CHURN --time [--rows 100000] [--columns 20]
"""

import argparse
import collections
import json
import math
import os
import shutil
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

import scipy.stats as stats

from make_evidently import TESTS
from odd_files import write_pair


def column(rng, rows, kind, shift):
    if kind == "float":
        values = rng.normal(shift, 1.0 + shift / 3, rows)
        return np.round(values, rng.choice([1, 3, 12])) if rng.random() < 0.5 else values
    if kind == "few":
        return rng.integers(0, rng.integers(1, 8), rows).astype(float)
    if kind == "int":
        return rng.integers(0, int(rng.choice([3, 15, 40, 100000])) + int(shift * 5), rows)
    return rng.choice([f"w{i}" for i in range(int(rng.choice([1, 2, 3, 9])) + int(shift))], rows)


def is_numbers(values):
    return pd.api.types.is_numeric_dtype(values) and values.dtype != bool


def is_flags(values):
    return values.dtype == bool or values.dropna().map(type).eq(bool).all()


def read(paths):
    """Both files as Evidently's users read them. A column that has numbers, or flags, in one file only is compared by its
    text, which pandas does not do by itself: to it no "1" is a 1."""
    frames = [pd.read_csv(path, float_precision="round_trip") for path in paths]
    texts = [pd.read_csv(path, dtype=str) for path in paths]
    for name in frames[0].columns.intersection(frames[1].columns):
        sides = [frame[name] for frame in frames]
        for same in (is_numbers, is_flags):
            if same(sides[0]) != same(sides[1]):
                for side, frame, text in zip(sides, frames, texts):
                    frame[name] = side.map(str, na_action="ignore") if is_flags(side) else text[name]
    return frames


def clean(values):
    return values.replace([np.inf, -np.inf], np.nan).dropna()


def expected(sides, test):
    """Test, statistic, score and verdict; None for what Evidently does not define."""
    kind = ColumnType.Numerical if all(map(is_numbers, sides)) else ColumnType.Categorical
    sides = [clean(side) for side in sides]
    if not len(sides[0]) or not len(sides[1]):
        return None, None, None, None
    chosen = get_stattest(*sides, kind, None) if test is None else TESTS[test]
    if kind == ColumnType.Categorical and chosen.name in ("ks", "wasserstein"):
        return chosen.name, None, None, None
    if chosen.name == "chisquare" and pd.concat(sides).nunique() < 2:
        return chosen.name, None, None, None  # Without a degree of freedom SciPy says 0 or NaN, as rounding will have it.
    try:
        score, drifted = chosen.func(*(side.copy() for side in sides), kind, chosen.default_threshold)
    except (ValueError, FloatingPointError, OverflowError, MemoryError):
        score = math.nan
    if not math.isfinite(score):
        return chosen.name, None, None, None
    statistic = score
    if chosen.name == "ks":
        statistic = stats.ks_2samp(*sides).statistic
    elif chosen.name == "chisquare":
        counts = [side.value_counts() for side in sides]
        keys = list(dict.fromkeys([*counts[0].index, *counts[1].index]))
        found = [np.array([count.get(key, 0) for key in keys], dtype=float) for count in counts]
        statistic = stats.chisquare(found[1], found[0] * len(sides[1]) / len(sides[0])).statistic
    elif chosen.name == "z":
        statistic = None  # Evidently tells p only.
    return chosen.name, statistic, float(score), bool(drifted)


def is_close(found, expected, tolerance):
    if expected is None or found is None:
        return found is expected
    return abs(found - expected) <= tolerance * max(1.0, abs(expected))


def check(churn, seed, pairs, keep):
    rng = np.random.default_rng(seed)
    verdicts, wrong = collections.Counter(), 0
    for number in range(pairs):
        with tempfile.TemporaryDirectory() as folder:
            paths = [os.path.join(folder, name) for name in ("a.csv", "b.csv")]
            write_pair(rng, paths)
            frames = read(paths)
            for test in [None, *TESTS]:
                command = [churn, "drift", "compare", "--json", "--reference", paths[0], "--current", paths[1]]
                answer = json.loads(subprocess.check_output(command + (["--test", test] if test else [])))
                for verdict in answer["columns"]:
                    name = verdict["column"]
                    label, statistic, score, drifted = expected([frame[name] for frame in frames], test)
                    verdicts[label] += 1
                    found = verdict.get("p_value", verdict.get("distance"))
                    tolerance = 1e-7 if label == "hellinger" and (score or 0) < 1e-6 else 1e-9
                    same = is_close(found, score, tolerance) and verdict["drifted"] == drifted
                    same &= label in (None, verdict["test"])
                    if statistic is not None and math.isfinite(statistic):
                        same &= is_close(verdict["statistic"], statistic, tolerance)
                    if not same:
                        wrong += 1
                        sides = [str(frame[name].dtype) for frame in frames]
                        print(f"pair {number} {name} {sides}: {verdict}, Evidently says {label} {statistic} {score} {drifted}")
                        if keep:
                            shutil.copytree(folder, os.path.join(keep, f"{seed}-{number}"), dirs_exist_ok=True)
    print(f"{sum(verdicts.values())} verdicts, {wrong} wrong (seed {seed}): {dict(verdicts)}")
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
    parser.add_argument("--keep", help="folder for the pairs that differ")
    parser.add_argument("--time", action="store_true")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--columns", type=int, default=20)
    args = parser.parse_args()
    if args.time:
        return measure(args.churn, args.rows, args.columns)
    sys.exit(1 if check(args.churn, args.seed, args.pairs, args.keep) else 0)


if __name__ == "__main__":
    main()
