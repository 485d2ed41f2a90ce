#!/usr/bin/env python3
"""Judges `churn train` from outside, on folds that scikit-learn drew, with scikit-learn's own figures.

    judge-train.py [--data FILE] [--budget 60s] [--seed 7] [--random-state 42 ...] [--rows SHARE] [--program PATH]

For each random state: StratifiedKFold(5, shuffle=True), `churn train --folds`, then mean AUC of the folds and pooled log-loss,
Brier score and ECE (10 bins of equal count) of what it wrote. `--rows 0.8` takes a stratified share of the rows, drawn by the
random state, in the place of the whole file. Needs scikit-learn and pandas.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold, train_test_split

LABELS = ("Churn", "churn", "churned", "Churn Value", "Churn Label")


def label_of(rows: pd.DataFrame) -> np.ndarray:
    name = next(name for name in LABELS if name in rows.columns)
    return rows[name].isin(["Yes", "yes", "1", "true", "True", 1, True]).to_numpy().astype(int)


def ece(label: np.ndarray, probability: np.ndarray, bins: int = 10) -> float:
    order = np.argsort(probability, kind="stable")
    parts = np.array_split(order, bins)
    return sum(len(part) * abs(label[part].mean() - probability[part].mean()) for part in parts) / len(label)


def judge(args: argparse.Namespace, state: int) -> dict:
    rows = pd.read_csv(args.data, dtype=str, keep_default_na=False)
    if args.rows < 1.0:
        rows, _ = train_test_split(rows, train_size=args.rows, stratify=label_of(rows), random_state=state)
        rows = rows.reset_index(drop=True)
    label = label_of(rows)
    fold = np.zeros(len(rows), dtype=int)
    splits = StratifiedKFold(5, shuffle=True, random_state=state).split(np.zeros((len(label), 1)), label)
    for number, (_, held_out) in enumerate(splits):
        fold[held_out] = number
    with tempfile.TemporaryDirectory() as folder:
        data, folds, oof = (Path(folder) / name for name in ("data.csv", "folds.csv", "oof.csv"))
        rows.to_csv(data, index=False)
        pd.DataFrame({"row": range(len(rows)), "fold": fold}).to_csv(folds, index=False)
        command = [args.program, "train", "--data", data, "--folds", folds, "--oof", oof]
        command += ["--budget", args.budget, "--seed", str(args.seed), "--json"]
        answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        found = pd.read_csv(oof).sort_values("row")
    assert (found["row"].to_numpy() == np.arange(len(rows))).all() and (found["fold"].to_numpy() == fold).all()
    probability = found["probability"].to_numpy()
    aucs = [roc_auc_score(label[fold == number], probability[fold == number]) for number in range(5)]
    return {
        "random_state": state,
        "rows": len(rows),
        "seconds": round(answer["seconds"], 1),
        "trials": answer["trials"],
        "auc": round(float(np.mean(aucs)), 5),
        "log_loss": round(log_loss(label, probability), 5),
        "brier": round(brier_score_loss(label, probability), 5),
        "ece": round(ece(label, probability), 5),
    }


def main() -> None:
    root = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=str(root / "data" / "telco_customer_churn.csv"))
    parser.add_argument("--budget", default="60s")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--random-state", type=int, nargs="+", default=[42])
    parser.add_argument("--rows", type=float, default=1.0)
    parser.add_argument("--program", default=str(root / "target" / "debug" / "churn"))
    args = parser.parse_args()
    for state in args.random_state:
        print(json.dumps(judge(args, state)), flush=True)


if __name__ == "__main__":
    main()
