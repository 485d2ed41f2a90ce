"""Writes customers under the 33-column header under which IBM publishes this data, made from the shipped files.

    python3 crates/domain/tests/ibm/make_ibm.py ROWS OUT.csv [SEED]      (from the root of the repository)

IBM's own file is not in this repository. What is known of it is kept: names and order of the columns, the byte-order
mark, `Yes` and `No` where the shipped file has 1 and 0, the quoted "latitude, longitude", a blank where nothing was
paid yet, customers who left standing first, and some four customers to a zip code. Where a customer lives does not
depend on anything else, as far as is known. Scores, reasons and values are made up: they leak the answer and are only
there to be left out. `sample.csv` is `make_ibm.py 400 sample.csv`.
"""

import csv
import pathlib
import random
import sys

HERE = pathlib.Path(__file__).parent
DATA = HERE / "../../../../data"
ZIP_CODES = 1652
YES_NO = {"1": "Yes", "0": "No"}
REASONS = ["Competitor made better offer", "Moved", "Attitude of support person", "Price too high", "Don't know"]
FEATURES = {
    "Senior Citizen": "senior_citizen", "Partner": "partner", "Dependents": "dependents", "Tenure Months": "tenure",
    "Phone Service": "phone_service", "Multiple Lines": "multiple_lines", "Internet Service": "internet_service",
    "Online Security": "online_security", "Online Backup": "online_backup",
    "Device Protection": "device_protection", "Tech Support": "tech_support", "Streaming TV": "streaming_tv",
    "Streaming Movies": "streaming_movies", "Contract": "contract", "Paperless Billing": "paperless_billing",
    "Payment Method": "payment_method", "Monthly Charges": "monthly_charges", "Total Charges": "total_charges",
}
FLAGS = {"senior_citizen", "partner", "dependents", "phone_service", "paperless_billing"}


def table(name):
    with open(DATA / name, newline="") as file:
        return list(csv.DictReader(file))


def customer(row, place, rng):
    left = row["churn"] == "Yes"
    out = {
        "CustomerID": f"{rng.randrange(10_000):04}-{''.join(rng.choices('ABCDEFGHIJKLMNOPQRSTUVWXYZ', k=5))}",
        "Count": 1, "Country": "United States", "State": "California", "City": place["city"],
        "Zip Code": place["zip_code"], "Lat Long": f"{place['latitude']}, {place['longitude']}",
        "Latitude": place["latitude"], "Longitude": place["longitude"],
        "Gender": "Female" if row["female"] == "1" else "Male",
    }
    for name, feature in FEATURES.items():
        out[name] = YES_NO[row[feature]] if feature in FLAGS else row[feature]
    out["Total Charges"] = out["Total Charges"] or " "
    out |= {"Churn Label": row["churn"], "Churn Value": int(left)}
    out |= {"Churn Score": rng.randrange(66, 101) if left else rng.randrange(5, 81), "CLTV": rng.randrange(2003, 6501)}
    return out | {"Churn Reason": rng.choice(REASONS) if left else ""}


def main():
    count, out, seed = int(sys.argv[1]), sys.argv[2], int((sys.argv[3:] or [1])[0])
    rng = random.Random(seed)
    rows = table("telco_customer_churn.csv")
    rng.shuffle(rows)
    # Those without a total come along even in a small file: they are the ones that are easily misread.
    rows.sort(key=lambda row: row["total_charges"] != "")
    rows = rows[:count]
    places = rng.sample(table("california_zip_codes.csv"), ZIP_CODES)
    places = (places * (count // ZIP_CODES + 1))[:count]
    rng.shuffle(places)
    customers = [customer(row, place, rng) for row, place in zip(rows, places)]
    customers.sort(key=lambda row: -row["Churn Value"])
    with open(out, "w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, customers[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(customers)


main()
