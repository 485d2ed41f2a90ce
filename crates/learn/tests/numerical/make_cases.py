"""Writes the cases of this folder from the reference tools. See README.md."""

import json
import pathlib
import tempfile

import numpy as np
import sklearn
import xgboost
from sklearn import metrics
from sklearn.calibration import _SigmoidCalibration
from sklearn.linear_model import LogisticRegression

HERE = pathlib.Path(__file__).parent


def write(name, case):
    text = json.dumps({"made_with": case.pop("made_with"), **case}, indent=None, separators=(",", ":"))
    (HERE / name).write_text(text + "\n")


def ece(probability, label):
    order = np.argsort(probability, kind="stable")
    bins = np.array_split(order, 10)
    gaps = [len(b) / len(label) * abs(probability[b].mean() - label[b].mean()) for b in bins if len(b)]
    return float(sum(gaps))


def figures(probability, label, threshold):
    decision = probability >= threshold
    both = 0 < label.sum() < len(label)
    return {
        "auc": metrics.roc_auc_score(label, probability) if both else None,
        "average_precision": metrics.average_precision_score(label, probability) if label.any() else None,
        "log_loss": metrics.log_loss(label, probability, labels=[False, True]),
        "brier": metrics.brier_score_loss(label, probability, pos_label=True) if both else float(np.mean((probability - label) ** 2)),
        "ece": ece(probability, label),
        "accuracy": metrics.accuracy_score(label, decision),
        "precision": metrics.precision_score(label, decision, zero_division=0),
        "recall": metrics.recall_score(label, decision, zero_division=0),
        "f1": metrics.f1_score(label, decision, zero_division=0),
        "best_f1": max(metrics.f1_score(label, probability >= t, zero_division=0) for t in np.unique(probability)),
    }


def metric_cases():
    random = np.random.default_rng(7)
    cases = []

    def add(name, probability, label, threshold=0.5):
        probability, label = np.asarray(probability, float), np.asarray(label, bool)
        cases.append({
            "name": name, "threshold": threshold, "probability": probability.tolist(), "label": label.tolist(),
            "expected": figures(probability, label, threshold),
        })

    for rows in (10, 57, 400):
        probability = random.beta(1.2, 3, rows)
        add(f"calibrated, {rows} rows", probability, random.random(rows) < probability, 0.3)
    probability = np.round(random.random(203), 1)
    add("many ties", probability, random.random(203) < probability)
    add("all one probability", np.full(40, 0.25), random.random(40) < 0.25, 0.25)
    add("certain and wrong", [0.0, 1.0, 0.0, 1.0, 0.5], [True, False, False, True, True])
    add("perfect", [0.0, 0.1, 0.8, 1.0], [False, False, True, True])
    add("fewer rows than bins", [0.2, 0.9, 0.4], [False, True, True])
    add("nobody left", [0.2, 0.9, 0.4], [False] * 3)
    add("everybody left", [0.2, 0.9, 0.4], [True] * 3)
    write("metrics.json", {"made_with": f"scikit-learn {sklearn.__version__}", "tolerance": 1e-12, "cases": cases})


def data(rows, columns, seed):
    random = np.random.default_rng(seed)
    matrix = np.round(random.normal(size=(rows, columns)), 2).astype(np.float32)
    matrix[:, 1] = (matrix[:, 1] > 0).astype(np.float32)
    matrix[:, 2] = np.round(matrix[:, 2] * 40 + 60)
    margin = 0.8 * matrix[:, 0] - 1.1 * matrix[:, 1] + 0.02 * (matrix[:, 2] - 60) * matrix[:, 1] - 0.3
    return matrix, random.random(rows) < 1 / (1 + np.exp(-margin))


def logistic_case():
    matrix, label = data(300, 4, 11)
    scaled = (matrix.astype(float) - matrix.mean(axis=0, dtype=float)) / matrix.std(axis=0, dtype=float)
    model = LogisticRegression(C=1 / 2.5, tol=1e-12, max_iter=10_000).fit(scaled, label)
    write("logistic.json", {
        "made_with": f"scikit-learn {sklearn.__version__}", "tolerance": 1e-4, "l2": 2.5, "columns": 4,
        "values": matrix.ravel().tolist(), "label": label.tolist(),
        "expected_margin": model.decision_function(scaled).tolist(),
    })


def platt_case():
    random = np.random.default_rng(3)
    margin = random.normal(size=250) * 2
    label = random.random(250) < 1 / (1 + np.exp(-(0.6 * margin - 0.4)))
    fitted = _SigmoidCalibration().fit(margin, label)
    write("platt.json", {
        "made_with": f"scikit-learn {sklearn.__version__}", "tolerance": 1e-4,
        "margin": margin.tolist(), "label": label.tolist(), "expected": fitted.predict(margin).tolist(),
    })


def xgboost_case():
    matrix, label = data(400, 5, 5)
    matrix[::17, 3] = np.nan
    matrix[::23, 0] = np.nan
    params = {
        "objective": "binary:logistic", "tree_method": "hist", "max_depth": 3, "eta": 0.1, "min_child_weight": 1,
        "lambda": 1, "nthread": 1, "seed": 7,
    }
    frame = xgboost.DMatrix(matrix, label=label)
    booster = xgboost.train(params, frame, 25)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.json"
        booster.save_model(path)
        model = json.loads(path.read_text())
    values = [None if np.isnan(v) else float(v) for v in matrix.ravel()]
    write("xgboost.json", {
        "made_with": f"xgboost {xgboost.__version__}", "tolerance_read": 1e-6, "tolerance_grown": 1e-4, "trees": 25, "depth": 3,
        "learning_rate": 0.1, "columns": 5, "values": values, "label": label.tolist(), "model": model,
        "expected_margin": booster.predict(frame, output_margin=True).astype(float).tolist(),
    })


metric_cases()
logistic_case()
platt_case()
xgboost_case()
