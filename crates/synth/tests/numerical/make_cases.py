"""Writes sdmetrics.json: what SDMetrics says of small made-up columns and of the two halves of the shipped file.

    pip install 'sdmetrics==0.29.*'
    python crates/synth/tests/numerical/make_cases.py     (from the root of the repository)
"""

import json
import math
import pathlib
import warnings

import numpy as np
import pandas as pd
import sdmetrics
from scipy.stats.contingency import association
from sdmetrics.column_pairs import ContingencySimilarity, CorrelationSimilarity
from sdmetrics.reports.single_table import DiagnosticReport, QualityReport
from sdmetrics.single_column import KSComplement, TVComplement
from sdmetrics.single_table import DCRBaselineProtection, DCROverfittingProtection, NewRowSynthesis
from sdmetrics.single_table.privacy.dcr_utils import calculate_dcr

warnings.filterwarnings("ignore")
HERE = pathlib.Path(__file__).parent
DATA = HERE / "../../../../data/telco_customer_churn.csv"
SPLIT = 3500
NUMBERS = ["tenure", "monthly_charges", "total_charges"]


def plain(values):
    """JSON has no NaN: a missing number is null."""
    return [None if isinstance(v, float) and math.isnan(v) else v for v in values]


def numbers(rng, rows, shift, missing):
    values = np.round(rng.normal(shift, 2, rows), 2)
    values[rng.random(rows) < missing] = np.nan
    return values


def pair(first, second):
    return pd.DataFrame({"a": first, "b": second})


def columns(rng):
    cases = []
    for real_rows, synthetic_rows, shift, missing in [(40, 60, 0.5, 0), (50, 30, 0, 0.2), (1, 5, 2, 0), (200, 200, 0, 0.05)]:
        real, synthetic = numbers(rng, real_rows, 0, missing), numbers(rng, synthetic_rows, shift, missing)
        case = {"metric": "ks_complement", "real": [plain(real)], "synthetic": [plain(synthetic)]}
        cases.append(case | {"expected": KSComplement.compute(pd.Series(real), pd.Series(synthetic))})
    for values, seen in [(4, 4), (5, 3), (2, 2)]:
        # With seen < values the synthetic column has values that no real row has.
        real, synthetic = rng.integers(0, seen, 50), rng.integers(0, values, 70)
        case = {"metric": "tv_complement", "real": [real.tolist()], "synthetic": [synthetic.tolist()]}
        cases.append(case | {"expected": TVComplement.compute(pd.Series(real), pd.Series(synthetic))})
    for slope, missing in [(0.5, 0), (-2, 0.1), (0, 0)]:
        real, synthetic = numbers(rng, 60, 0, missing), numbers(rng, 40, 1, missing)
        real_2, synthetic_2 = slope * real + rng.normal(size=60), 0.3 * synthetic + rng.normal(size=40)
        case = {"metric": "correlation_similarity"}
        case |= {"real": [plain(real), plain(real_2)], "synthetic": [plain(synthetic), plain(synthetic_2)]}
        expected = CorrelationSimilarity.compute(pair(real, real_2), pair(synthetic, synthetic_2))
        cases.append(case | {"expected": expected})
    for values in [2, 3, 6]:
        real, synthetic = rng.integers(0, values, (2, 80)), rng.integers(0, values + 1, (2, 50))
        expected = ContingencySimilarity.compute(pair(*real), pair(*synthetic))
        case = {"real": real.tolist(), "synthetic": synthetic.tolist()}
        cases.append({"metric": "contingency_similarity"} | case | {"expected": expected})
        table = pd.crosstab(real[0], real[1]).to_numpy()
        cases.append({"metric": "cramers_v"} | case | {"expected": association(table, method="cramer")})
    for values in [numbers(rng, 30, 5, 0.1), np.array([3.0, 3.0]), np.array([0.1, 0.7, 1.9, np.nan])]:
        edges = np.histogram_bin_edges(values[~np.isnan(values)])
        expected = {"edges": edges.tolist(), "bins": np.digitize(values, edges).tolist()}
        cases.append({"metric": "bins", "real": [plain(values)], "synthetic": [], "expected": expected})
    return cases


def metadata(data):
    return {"columns": {c: {"sdtype": "numerical" if c in NUMBERS else "categorical"} for c in data.columns}}


def strangers(data):
    """Rows 1200 to 1799 with each column turned by 37 rows more than the one before; 30 copies of real rows and 30
    near copies stand in front."""
    rows = data[1200:1800].reset_index(drop=True)
    made = pd.DataFrame({c: np.roll(rows[c].to_numpy(), -37 * at) for at, c in enumerate(data.columns)})
    near = data[30:60].copy()
    near["monthly_charges"] *= 1.005
    return pd.concat([data[:30], near, made[60:]], ignore_index=True)


def privacy():
    data = pd.read_csv(DATA)
    real, holdout, synthetic, columns = data[:600], data[600:1200], strangers(data), metadata(data)
    diagnostic = DiagnosticReport()
    diagnostic.generate(real, synthetic, columns, verbose=False)
    distances = calculate_dcr(synthetic, real, columns)
    protection = DCROverfittingProtection.compute_breakdown(real, synthetic, holdout, columns, "customers")
    # Random rows are SDMetrics' own chance; only the medians of given rows can be compared.
    rolled = pd.DataFrame({c: np.roll(real[c].to_numpy(), -53 * at) for at, c in enumerate(data.columns)})
    DCRBaselineProtection._generate_random_data = classmethod(lambda *_: rolled)
    baseline = DCRBaselineProtection.compute_breakdown(real, synthetic, columns, "customers")
    return {
        "validity": diagnostic.get_details("Data Validity").set_index("Column")["Score"].to_dict(),
        "diagnostic": diagnostic.get_score(),
        "distances": distances.to_list(),
        "overfitting": protection["score"],
        "closer_to_training": protection["synthetic_data_percentages"]["closer_to_training"],
        "baseline": baseline["score"],
        "baseline_medians": list(baseline["median_DCR_to_real_data"].values()),
        "new_rows": NewRowSynthesis.compute(real, synthetic, columns),
        "copies": int(synthetic.merge(real.drop_duplicates(), how="inner").shape[0]),
    }


def report():
    data = pd.read_csv(DATA)
    sdtype = {column: {"sdtype": "numerical" if column in NUMBERS else "categorical"} for column in data.columns}
    quality = QualityReport()
    quality.generate(data[:SPLIT], data[SPLIT:], {"columns": sdtype}, verbose=False)
    shapes, trends = quality.get_details("Column Shapes"), quality.get_details("Column Pair Trends")
    counted = trends[trends["Meets Threshold?"].astype(bool)]
    every = QualityReport()
    every.real_association_threshold = every.real_correlation_threshold = 0
    every._properties["Column Pair Trends"].real_association_threshold = 0
    every._properties["Column Pair Trends"].real_correlation_threshold = 0
    every.generate(data[:SPLIT], data[SPLIT:], {"columns": sdtype}, verbose=False)
    return {
        "all_pairs": every.get_properties().set_index("Property")["Score"]["Column Pair Trends"],
        "split": SPLIT,
        "overall": quality.get_score(),
        "properties": quality.get_properties().set_index("Property")["Score"].to_dict(),
        "columns": shapes.set_index("Column")["Score"].to_dict(),
        "pairs": counted[["Column 1", "Column 2", "Score"]].to_numpy().tolist(),
    }


cases = {"sdmetrics": sdmetrics.__version__, "tolerance": 1e-6, "cases": columns(np.random.default_rng(9)), "report": report(), "privacy": privacy()}
(HERE / "sdmetrics.json").write_text(json.dumps(cases, indent=1) + "\n")
