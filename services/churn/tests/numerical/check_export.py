"""Python's XGBoost loads an exported model and gives the probabilities of the program: check_export.py MODEL.json MATRIX.csv"""

import csv
import sys

import numpy as np
import xgboost

with open(sys.argv[2], newline="") as file:
    rows = list(csv.reader(file))[1:]
values = np.array([[float(cell) if cell else np.nan for cell in row] for row in rows])
booster = xgboost.Booster(model_file=sys.argv[1])
found = booster.predict(xgboost.DMatrix(values[:, :-1].astype(np.float32)))
worst = np.abs(found - values[:, -1]).max()
print(f"{len(rows)} customers, {booster.num_boosted_rounds()} trees, largest difference {worst:.2e}")
sys.exit(not worst <= 1e-6)
