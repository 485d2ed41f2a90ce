"""Writes the cases of this folder from the reference tools. See README.md."""

import json
import pathlib
import tempfile

import numpy as np
import scipy
import sklearn
import xgboost
from scipy import optimize, stats
from sklearn import metrics
from sklearn.calibration import _SigmoidCalibration
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

HERE = pathlib.Path(__file__).parent


def write(name, case):
    text = json.dumps({"made_with": case.pop("made_with"), **case}, indent=None, separators=(",", ":"))
    (HERE / name).write_text(text + "\n")


def ece(probability, label):
    order = np.argsort(probability, kind="stable")
    bins = np.array_split(order, 10)
    gaps = [len(b) / len(label) * abs(probability[b].mean() - label[b].mean()) for b in bins if len(b)]
    return float(sum(gaps))


def lift(probability, label):
    """Of the tenth with the highest probabilities, rounded up; no ties at the border in these cases."""
    if not label.any():
        return None
    taken = int(np.ceil(len(label) * 0.1))
    top = np.argsort(-probability, kind="stable")[:taken]
    border = np.sort(probability)[::-1][taken - 1]
    tied = probability == border
    above = probability > border
    # What is tied at the border counts by its mean.
    leavers = label[above].sum() + (taken - above.sum()) * label[tied].mean()
    assert above.sum() <= taken and len(top) == taken
    return float(leavers / taken / label.mean())


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
        "mcc": metrics.matthews_corrcoef(label, decision),
        "lift_at_10": lift(probability, label),
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
    weight = np.random.default_rng(2).choice([0.5, 1.0, 2.0, 3.0], len(label))
    scaled = (matrix.astype(float) - matrix.mean(axis=0, dtype=float)) / matrix.std(axis=0, dtype=float)
    cases = []
    for l1, l2, weighted in [(0, 2.5, False), (0, 0.1, True), (3, 2.5, False), (8, 0.5, True), (20, 1, False)]:
        strength, share = l1 + l2, l1 / (l1 + l2)
        model = LogisticRegression(C=1 / strength, l1_ratio=share, solver="saga", tol=1e-12, max_iter=200_000)
        model.fit(scaled, label, sample_weight=weight if weighted else None)
        cases.append({"l1": l1, "l2": l2, "weighted": weighted, "expected_margin": model.decision_function(scaled).tolist()})
    write("logistic.json", {
        "made_with": f"scikit-learn {sklearn.__version__}", "tolerance": 1e-6, "columns": 4,
        "values": matrix.ravel().tolist(), "label": label.tolist(), "weight": weight.tolist(), "cases": cases,
    })


def bayes_case():
    matrix, label = data(300, 4, 13)
    scaled = (matrix.astype(float) - matrix.mean(axis=0, dtype=float)) / matrix.std(axis=0, dtype=float)
    # Standardised columns have the variance 1, so the largest one is 1 and the smoothing is added as it is.
    model = GaussianNB(var_smoothing=0.3).fit(scaled, label)
    joint = model.predict_joint_log_proba(scaled)
    write("bayes.json", {
        "made_with": f"scikit-learn {sklearn.__version__}", "tolerance": 1e-5, "smoothing": 0.3, "columns": 4,
        "values": matrix.ravel().tolist(), "label": label.tolist(), "expected_margin": (joint[:, 1] - joint[:, 0]).tolist(),
    })


def beta_curve(margin, label, asked):
    """Maximum likelihood of logit q = a ln p - b ln(1 - p) + c with Platt's targets, by a general optimiser."""
    positives, negatives = label.sum(), (~label).sum()
    target = np.where(label, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    columns = lambda m: np.stack([-np.logaddexp(0, -m), np.logaddexp(0, m), np.ones_like(m)], axis=1)
    rows = columns(margin)

    def loss(c):
        m = rows @ c
        p = 1 / (1 + np.exp(-m))
        return np.sum(np.logaddexp(0, m) - target * m), rows.T @ (p - target)

    found = optimize.minimize(loss, [1, 1, 0], jac=True, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 10_000})
    assert (found.x[:2] > 0).all(), found.x
    return 1 / (1 + np.exp(-columns(asked) @ found.x))


def calibration_case():
    random = np.random.default_rng(3)
    margin = np.round(random.normal(size=400) * 2, 2)
    label = random.random(400) < 1 / (1 + np.exp(-(0.6 * margin - 0.4)))
    asked = np.linspace(-7, 7, 57)
    rows = len(label)
    steps = IsotonicRegression(y_min=1 / (rows + 2), y_max=(rows + 1) / (rows + 2), out_of_bounds="clip")
    write("calibration.json", {
        "made_with": f"scikit-learn {sklearn.__version__}, SciPy {scipy.__version__}", "tolerance": 1e-4,
        "margin": margin.tolist(), "label": label.tolist(), "asked": asked.tolist(),
        "platt": _SigmoidCalibration().fit(margin, label).predict(asked).tolist(),
        "beta": beta_curve(margin, label, asked).tolist(),
        "isotonic": steps.fit(margin, label).predict(asked).tolist(),
    })


def two_models(rows, seed, ties=False):
    random = np.random.default_rng(seed)
    truth = random.normal(size=rows)
    label = random.random(rows) < 1 / (1 + np.exp(-1.5 * truth + 0.8))
    model = lambda noise: 1 / (1 + np.exp(-(1.2 * truth - 0.7 + noise * random.normal(size=rows))))
    pair = [model(0.5), model(0.9)]
    return [np.round(p, 1 if ties else 6) for p in pair] + [label]


def bootstrap_case():
    challenger, champion, label = two_models(250, 21)
    loss = lambda p: -np.where(label, np.log(p), np.log(1 - p))
    difference = loss(challenger) - loss(champion)
    # Ten times the resamples of the test, so that what is left is the test's own chance.
    found = stats.bootstrap((difference,), np.mean, n_resamples=200_000, batch=2_000, method="percentile",
                            random_state=np.random.default_rng(1))
    p_value = (1 + (found.bootstrap_distribution >= 0).sum()) / (1 + len(found.bootstrap_distribution))
    write("bootstrap.json", {
        "made_with": f"SciPy {scipy.__version__}", "tolerance": 0.05 * float(difference.std() / np.sqrt(len(label))),
        "challenger": challenger.tolist(), "champion": champion.tolist(), "label": label.tolist(),
        "difference": float(difference.mean()), "low": found.confidence_interval.low,
        "high": found.confidence_interval.high, "p_value": float(p_value),
    })


def delong_case():
    """By definition: the kernel of each pair of a leaver and a stayer, its means and their covariances."""
    cases = []
    for name, rows, seed, ties in [("distinct", 120, 5, False), ("many ties", 300, 6, True), ("few", 20, 8, False)]:
        challenger, champion, label = two_models(rows, seed, ties)
        parts = []
        for p in (challenger, champion):
            kernel = np.subtract.outer(p[label], p[~label])
            kernel = np.where(kernel > 0, 1.0, np.where(kernel == 0, 0.5, 0.0))
            parts.append((kernel.mean(), kernel.mean(axis=1), kernel.mean(axis=0)))
        leavers = np.cov(parts[0][1], parts[1][1])
        stayers = np.cov(parts[0][2], parts[1][2])
        spread = lambda c: c[0, 0] + c[1, 1] - 2 * c[0, 1]
        deviation = np.sqrt(spread(leavers) / label.sum() + spread(stayers) / (~label).sum())
        z = (parts[0][0] - parts[1][0]) / deviation
        assert np.isclose(parts[0][0], metrics.roc_auc_score(label, challenger))
        cases.append({
            "name": name, "challenger": challenger.tolist(), "champion": champion.tolist(), "label": label.tolist(),
            "auc_challenger": float(parts[0][0]), "auc_champion": float(parts[1][0]), "deviation": float(deviation),
            "p_value": float(2 * stats.norm.sf(abs(z))),
        })
    write("delong.json", {"made_with": f"SciPy {scipy.__version__}, scikit-learn {sklearn.__version__}", "tolerance": 1e-10, "cases": cases})


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
        "expected_contributions": booster.predict(frame, pred_contribs=True).astype(float)[:60].ravel().tolist(),
    })


metric_cases()
logistic_case()
bayes_case()
calibration_case()
bootstrap_case()
delong_case()
xgboost_case()
