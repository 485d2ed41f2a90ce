"""Writes california_zip_codes.csv: `python3 data/make_zip_codes.py data/california_zip_codes.csv`.

Needs the Python package zipcodes (`pip install zipcodes==3.0.0`), which carries the list itself. Keeps
every ZIP code that the package lists for California, and drops those without a place (no county, and
coordinates 0, 0), naming each on stderr.
"""

import csv
import sys

import zipcodes


def has_a_place(entry):
    return entry["county"] != "" and (float(entry["lat"]), float(entry["long"])) != (0.0, 0.0)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: make_zip_codes.py OUTPUT.csv")
    listed = sorted(zipcodes.filter_by(state="CA"), key=lambda entry: entry["zip_code"])
    if len({entry["zip_code"] for entry in listed}) != len(listed):
        sys.exit("a ZIP code is listed twice: choose which one to keep")

    with open(sys.argv[1], "w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["zip_code", "city", "county", "latitude", "longitude"])
        for entry in listed:
            if has_a_place(entry):
                # Coordinates stay the text that the package has, so no digit is lost or made up.
                writer.writerow([entry["zip_code"], entry["city"], entry["county"], entry["lat"], entry["long"]])
            else:
                print(f"dropped {entry['zip_code']} {entry['city']} ({entry['zip_code_type']}): no place", file=sys.stderr)


if __name__ == "__main__":
    main()
