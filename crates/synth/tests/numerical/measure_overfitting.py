"""Measures whether a generator tells the customers it was fitted on from others, on halves of the shipped file.

    cargo build -p churn
    python crates/synth/tests/numerical/measure_overfitting.py target/debug/churn data/telco_customer_churn.csv

Ten random splits; of each, one generator fitted on either half and as many customers drawn as the half has. DCR
overfitting protection is that of `churn synth report`, which equals SDMetrics' (see README.md). Copies are counted here:
rows that equal a training row, beside rows of the other half that do so, which is what the data's own duplicates explain.
"""

import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile

SPLITS = 10
churn, data = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
header, *rows = data.read_text().splitlines()


def run(folder, *args):
    return subprocess.run([churn, "synth", *args], cwd=folder, check=True, stdout=subprocess.PIPE).stdout


def write(path, lines):
    path.write_text("\n".join([header, *lines]) + "\n")


def key(line):
    """A row as it compares: amounts may be written with more or fewer zeros; the places of new customers do not count."""
    cells = line.split(",")[: header.count(",") + 1]
    return tuple(cells[:-2]), *(float(cell) if cell.strip() else None for cell in cells[-2:])


def copied(lines, training):
    known = {key(line) for line in training}
    return sum(key(line) in known for line in lines) / len(lines)


scores, made, own, gains = [], [], [], []
with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    for split in range(SPLITS):
        shuffled = rows[:]
        random.Random(split).shuffle(shuffled)
        middle = len(rows) // 2
        for training, holdout in [(shuffled[:middle], shuffled[middle:]), (shuffled[middle:], shuffled[:middle])]:
            write(folder / "training.csv", training)
            write(folder / "holdout.csv", holdout)
            run(folder, "fit", "--data", "training.csv", "--out", "generator.json", "--no-record")
            drawn = ["--rows", str(len(training)), "--seed", str(split), "--out", "made.csv"]
            run(folder, "sample", "--generator", "generator.json", *drawn)
            files = ["--real", "training.csv", "--synthetic", "made.csv", "--holdout", "holdout.csv"]
            report = json.loads(run(folder, "report", *files, "--json"))
            scores.append(report["privacy"]["overfitting"]["score"])
            usefulness = report["usefulness"]
            gains.append((usefulness["auc_trained_on_real"], usefulness["auc_trained_on_synthetic"]))
            made.append(copied((folder / "made.csv").read_text().splitlines()[1:], training))
            own.append(copied(holdout, training))
            print(f"split {split}: protection {scores[-1]:.4f}, copies {made[-1]:.4f} beside {own[-1]:.4f}", flush=True)

mean = statistics.mean
print(f"DCR overfitting protection: mean {mean(scores):.4f}, least {min(scores):.4f}, {len(scores)} halves")
print(f"rows equal to a training row: {mean(made):.4f}, rows of the other half that are: {mean(own):.4f}")
print(f"AUC on the other half: trained on real {mean(a for a, _ in gains):.4f}, on synthetic {mean(b for _, b in gains):.4f}")
