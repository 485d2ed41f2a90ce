"""Compares `churn drift detect` with River on random streams.

    pip install river==0.26.1
    python check_detect.py CHURN [--seed N] [--streams N]
"""

import argparse
import collections
import json
import random
import subprocess
import sys

from make_river import detector
from river import drift

KINDS = ["adwin", "page-hinkley", "ddm", "kswin"]


def values(rng, name):
    """Some stretches, each of a law of its own."""
    stream, unit = [], rng.choice([1.0, 1.0, 1e-9, 1e6, 1e200])
    for _ in range(rng.choice([1, 2, 3, 5])):
        rows, law = rng.choice([0, 1, 29, 100, 333, 1000, 3000]), rng.choice(["bell", "even", "flags", "ramp", "constant", "spikes"])
        level = rng.choice([0, 0, 0.3, 1, 4])
        if name == "ddm" or law == "flags":
            share = rng.choice([0, 0.02, 0.1, 0.3, 0.5, 0.9, 1])
            stream += [int(rng.random() < share) for _ in range(rows)]
        elif law == "bell":
            stream += [unit * rng.gauss(level, 1) for _ in range(rows)]
        elif law == "even":
            stream += [round(unit * (level + rng.random()), 6) for _ in range(rows)]
        elif law == "ramp":
            stream += [unit * (level + at / 500) for at in range(rows)]
        elif law == "constant":
            stream += [unit * level] * rows
        else:
            stream += [unit * (level + (100 if rng.random() < 0.01 else 0)) for _ in range(rows)]
    return stream


def options(rng, name):
    """River's defaults, or some others: the flags, and River's detector."""
    if name == "ddm" or rng.random() < 0.5:
        return ["--seed", "42"] if name == "kswin" else [], detector(name)
    if name == "adwin":
        delta = rng.choice([1e-6, 0.05, 0.3])
        return ["--delta", str(delta)], drift.ADWIN(delta=delta)
    if name == "kswin":
        alpha, seed = rng.choice([0.0001, 0.02]), rng.randrange(1 << 32)
        return ["--alpha", str(alpha), "--seed", str(seed)], drift.KSWIN(alpha=alpha, seed=seed)
    delta, threshold, alpha = rng.choice([0, 0.1]), rng.choice([2, 10, 200]), rng.choice([0.99, 1])
    flags = ["--delta", str(delta), "--threshold", str(threshold), "--alpha", str(alpha)]
    return flags, drift.PageHinkley(delta=delta, threshold=threshold, alpha=alpha)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("churn")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--streams", type=int, default=200)
    args = parser.parse_args()
    rng, seen, wrong = random.Random(args.seed), collections.Counter(), 0
    for number in range(args.streams):
        name = KINDS[number % len(KINDS)]
        (flags, watch), stream = options(rng, name), values(rng, name)
        drifts, warnings = [], []
        for at, value in enumerate(stream):
            watch.update(value)
            if watch.drift_detected:
                drifts.append(at)
            elif getattr(watch, "warning_detected", False):
                warnings.append(at)
        text = rng.choice(["\n", "\r\n", ", ", " "]).join(map(repr, stream))
        command = [args.churn, "drift", "detect", "--json", "--detector", name, *flags]
        found = json.loads(subprocess.run(command, input=text.encode(), stdout=subprocess.PIPE, check=True).stdout)
        seen[f"{name} streams"] += 1
        seen[f"{name} drifts"] += len(drifts)
        if (found["values"], found["drifts"], found["warnings"]) != (len(stream), drifts, warnings):
            wrong += 1
            print(f"stream {number} {name} {flags}: {found}, River says {drifts} {warnings}")
    print(f"{args.streams} streams, {wrong} wrong (seed {args.seed}): {dict(seen)}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
