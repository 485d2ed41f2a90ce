"""Python's XGBoost reads an artifact's trees and scores its golden rows: python3 check_trees.py ARTIFACT_FOLDER"""

import json
import pathlib
import sys

import numpy as np
import xgboost

folder = pathlib.Path(sys.argv[1])
read = lambda name: json.loads((folder / name).read_text())
booster = xgboost.Booster(model_file=folder / "trees.json")
calibration = read("calibration.json")


def encode(features):
    row = []
    for feature in read("encoder.json")["features"]:
        value = features[feature["name"]]
        if words := feature.get("words"):
            row += [np.nan if value is None else float(value == word) for word in words]
        else:
            row.append(np.nan if value is None else value)
        if feature["missing_indicator"]:
            row.append(float(value is None))
    return row


golden = read("golden.json")
rows = np.array([encode(row["features"]) for row in golden], dtype=np.float32)
margin = booster.predict(xgboost.DMatrix(rows), output_margin=True).astype(float)
slope, intercept = calibration.get("slope", 1.0), calibration.get("intercept", 0.0)
found = 1 / (1 + np.exp(-(slope * margin + intercept)))
worst = np.abs(found - [row["probability"] for row in golden]).max()
print(f"{len(golden)} golden rows, largest difference {worst:.2e}")
sys.exit(worst > 1e-6)
