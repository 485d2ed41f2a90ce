"""Measures a sample of a generator that was fitted under IBM's 33-column header, as SDMetrics does.

    python crates/domain/tests/ibm/make_ibm.py 7043 ibm.csv
    churn synth fit --data ibm.csv --out ibm.json --no-record
    churn synth sample --generator ibm.json --rows 100000 --seed 7 --header ibm --out sample.csv
    python crates/synth/tests/numerical/measure_ibm.py ibm.csv sample.csv

Of the 33 columns 26 are usable: not the id, the count, the degrees once more as text, and four that leak the answer.
Country and State have one value each in IBM's file: the score is given with and without them.
"""

import sys
import warnings

import pandas as pd
from sdmetrics.reports.single_table import QualityReport

warnings.filterwarnings("ignore")
USABLE = """City,Zip Code,Latitude,Longitude,Gender,Senior Citizen,Partner,Dependents,Tenure Months,Phone Service,Multiple
 Lines,Internet Service,Online Security,Online Backup,Device Protection,Tech Support,Streaming TV,Streaming Movies,Contract,
Paperless Billing,Payment Method,Monthly Charges,Total Charges,Churn Label""".replace("\n", "").split(",")
NUMBERS = {"Latitude", "Longitude", "Tenure Months", "Monthly Charges", "Total Charges"}
PLACE = ["City", "Zip Code", "Latitude", "Longitude"]

real = pd.read_csv(sys.argv[1], encoding="utf-8-sig")
real["Total Charges"] = pd.to_numeric(real["Total Charges"], errors="coerce")
synthetic = pd.read_csv(sys.argv[2])

places = set(real[PLACE].apply(tuple, axis=1))
strangers = ~synthetic[PLACE].apply(tuple, axis=1).isin(places)
print(f"locations that the data does not have: {strangers.sum()} of {len(strangers)}")
for columns in [USABLE, USABLE + ["Country", "State"]]:
    for numbers in [NUMBERS, NUMBERS | {"Zip Code"}]:
        kinds = {name: {"sdtype": "numerical" if name in numbers else "categorical"} for name in columns}
        quality = QualityReport()
        quality.generate(real[columns], synthetic[columns], {"columns": kinds}, verbose=False)
        shapes, trends = quality.get_properties().Score
        zip_code = "a number" if "Zip Code" in numbers else "a category"
        print(
            f"{len(columns)} columns, zip code {zip_code}: overall {quality.get_score():.4f}, "
            f"column shapes {shapes:.4f}, pair trends {trends:.4f}",
            flush=True,
        )
