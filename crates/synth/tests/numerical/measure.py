"""Measures a sample as SDMetrics does, and what a model learns from it.

    pip install 'sdmetrics==0.29.*' scikit-learn
    cargo run -p churn-synth --example sample -- data/telco_customer_churn.csv data/california_zip_codes.csv 100000 sample.csv
    python crates/synth/tests/numerical/measure.py data/telco_customer_churn.csv sample.csv
"""

import sys
import warnings

import pandas as pd
from sdmetrics.reports.single_table import QualityReport
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

warnings.filterwarnings("ignore")
NUMBERS = ["tenure", "monthly_charges", "total_charges"]


def encoded(data):
    return pd.get_dummies(data.drop(columns="churn")).fillna(0).astype(float)


real = pd.read_csv(sys.argv[1])
synthetic = pd.read_csv(sys.argv[2])[real.columns]
sdtype = {column: {"sdtype": "numerical" if column in NUMBERS else "categorical"} for column in real.columns}
quality = QualityReport()
quality.generate(real, synthetic, {"columns": sdtype}, verbose=False)
print(f"overall {quality.get_score():.4f}")
print(quality.get_properties().to_string(index=False))
for name in ["Column Shapes", "Column Pair Trends"]:
    print(quality.get_details(name).dropna(subset=["Score"]).nsmallest(5, "Score").to_string(index=False))

train, test = encoded(synthetic).align(encoded(real), axis=1, fill_value=0)
for name, model in {
    "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    "boosted trees": HistGradientBoostingClassifier(max_iter=200, learning_rate=0.05, max_depth=4, random_state=1),
}.items():
    model.fit(train, synthetic.churn == "Yes")
    auc = roc_auc_score(real.churn == "Yes", model.predict_proba(test)[:, 1])
    print(f"trained on synthetic, tested on real: {name} AUC {auc:.4f}")
