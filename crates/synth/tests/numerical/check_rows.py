"""Counts impossible rows of a sample, and rows that equal a real one, from the rules of the data alone.

    python crates/synth/tests/numerical/check_rows.py data/telco_customer_churn.csv sample.csv [data/california_zip_codes.csv]

Nothing here knows the generator. The real file has to pass too: it is checked first.
"""

import sys

import pandas as pd

ADD_ONS = ["online_security", "online_backup", "device_protection", "tech_support", "streaming_tv", "streaming_movies"]
NUMBERS = ["tenure", "monthly_charges", "total_charges"]
PLACE = ["zip_code", "city", "county", "latitude", "longitude"]


def read(path):
    data = pd.read_csv(path, dtype={"zip_code": str, "total_charges": str}, keep_default_na=False, encoding="utf-8-sig")
    data["total_charges"] = pd.to_numeric(data.total_charges.str.strip())
    return data


def services(data):
    return data[["phone_service", "internet_service"]].apply(tuple, axis=1)


def cents(values):
    return ((values * 100).round() - values * 100).abs() < 1e-6


def broken(data, real, places):
    """The share of rows that break a rule, by rule."""
    billed = data.tenure > 0
    ratio = data.total_charges / (data.tenure * data.monthly_charges)
    real_ratio = (real.total_charges / (real.tenure * real.monthly_charges)).dropna()
    spread = ratio.between(real_ratio.min() - 1e-9, real_ratio.max() + 1e-9)
    rules = {
        "lines without a phone": (data.phone_service == 0) == (data.multiple_lines == "No phone service"),
        "services that no real customer has": services(data).isin(set(services(real))),
        "known words": pd.concat([data[c].isin(real[c].unique()) for c in real if c not in NUMBERS], axis=1).all(axis=1),
        "whole months up to the longest": (data.tenure % 1 == 0) & data.tenure.between(0, real.tenure.max()),
        "total missing exactly at tenure 0": billed == data.total_charges.notna(),
        "first bill": (data.tenure != 1) | (data.total_charges == data.monthly_charges),
        "less than one bill": ~billed | (data.total_charges >= data.monthly_charges),
        "total over tenure times monthly": ~billed | spread,
        "monthly charges": data.monthly_charges.between(real.monthly_charges.min(), real.monthly_charges.max()),
        "cents": cents(data.monthly_charges) & (~billed | cents(data.total_charges)),
    }
    for add_on in ADD_ONS:
        rules[add_on] = (data.internet_service == "No") == (data[add_on] == "No internet service")
    if places is not None:
        rules["place"] = data[PLACE].astype(str).apply(tuple, axis=1).isin(places)
    return {rule: int((~holds).sum()) for rule, holds in rules.items() if not holds.all()}, ~pd.DataFrame(rules).all(axis=1)


real, sample = read(sys.argv[1]), read(sys.argv[2])
places = None
if sys.argv[3:]:
    file = pd.read_csv(sys.argv[3], dtype={"zip_code": str}, keep_default_na=False)
    places = set(file[PLACE].astype(str).apply(tuple, axis=1))
print(f"real: {broken(real, real, None)[1].sum()} of {len(real)} rows are impossible")
reasons, rows = broken(sample, real, places)
print(f"sample: {rows.sum()} of {len(sample)} rows are impossible {reasons or ''}")

features = list(real.columns)
key = lambda data: data[features].fillna(-1).apply(tuple, axis=1)
known = key(real)
twins = known[known.duplicated(keep=False)]
copies = key(sample)
copies = copies[copies.isin(set(known))]
print(f"real: {len(twins)} of {len(real)} rows ({len(twins) / len(real):.4%}) equal another real one")
print(f"sample: {len(copies)} of {len(sample)} rows ({len(copies) / len(sample):.4%}) equal a real one")
