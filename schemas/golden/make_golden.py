#!/usr/bin/env python3
"""Writes the golden bytes of one version of the schemas with fastavro, an implementation that shares no code with ours.

    python3 -m venv VENV && VENV/bin/pip install fastavro==1.13.1
    VENV/bin/python schemas/golden/make_golden.py v1

Run it once for a new version of a schema; schemas that have not changed are passed over, and what a version wrote is never
written again. Each case is NAME.bin, the
record's bytes without framing, and NAME.json, what it says; schema.avsc is the schema it was written with.
"""

import hashlib
import io
import json
import pathlib
import sys

import fastavro

FASTAVRO = "1.13.1"
SCHEMAS = pathlib.Path(__file__).resolve().parent.parent
MS = 1_764_000_000_123

FULL = {
    "stream": "synthesizer-0",
    "sequence": 1_234_567,
    "event_time": MS,
    "customer_id": "01JD8Z3M0QK7X8Y9ZABCDEFGHJ",
    "synthesizer_version": "2026-11-23-0a1b2c3d",
    "female": True,
    "senior_citizen": False,
    "partner": True,
    "dependents": False,
    "tenure": 72,
    "phone_service": True,
    "multiple_lines": "No",
    "internet_service": "Fiber optic",
    "online_security": "No",
    "online_backup": "Yes",
    "device_protection": "No",
    "tech_support": "Yes",
    "streaming_tv": "Yes",
    "streaming_movies": "No",
    "contract": "Month-to-month",
    "paperless_billing": True,
    "payment_method": "Electronic check",
    "monthly_charges": 94.85,
    "total_charges": 6829.2,
    "zip_code": "90001",
    "city": "Los Angeles",
    "county": "Los Angeles County",
    "latitude": 33.9731,
    "longitude": -118.2479,
}
REQUIRED = {"stream": "s", "sequence": 0, "event_time": 946_684_800_000, "customer_id": "7590-VHVEG"}
NO_SERVICE = FULL | {
    "synthesizer_version": None,
    "tenure": 0,
    "phone_service": False,
    "multiple_lines": "No phone service",
    "internet_service": "No",
    "contract": "Two year",
    "payment_method": "Credit card (automatic)",
    "monthly_charges": 0.0,
    "total_charges": None,
} | {name: "No internet service" for name in (
    "online_security", "online_backup", "device_protection", "tech_support", "streaming_tv", "streaming_movies")}
UNKNOWN = FULL | {"contract": "Drei Jahre für immer", "payment_method": "", "city": "東京", "stream": "é" * 128}
LARGEST = FULL | {
    "sequence": 2**63 - 1,
    "event_time": 4_102_444_799_999,
    "tenure": 1200,
    "monthly_charges": 10_000.0,
    "total_charges": 10_000_000.0,
    "latitude": -90.0,
    "longitude": 180.0,
    "customer_id": "x" * 256,
}
EVENTS = {"full": FULL, "missing": REQUIRED, "no-service": NO_SERVICE, "unknown-words": UNKNOWN, "largest": LARGEST}


def score_id(event):
    name = f"{event['stream']}:{event['sequence']}".encode()
    return event["event_time"].to_bytes(6, "big") + hashlib.sha256(name).digest()[:10]


def score(event, **over):
    return event | {
        "score_id": score_id(event),
        "probability": 0.7342,
        "label": True,
        "threshold": 0.5,
        "model_version": "3",
        "model_hash": hashlib.sha256(b"manifest").hexdigest(),
        "scored_at": MS + 17,
        "event_schema_id": 100_001,
        "source_partition": 11,
        "source_offset": 9_876_543_210,
    } | over


CASES = {
    "customer-event": EVENTS,
    "customer-outcome": {
        "left": {**{name: FULL[name] for name in REQUIRED}, "churned": True, "observed_at": MS + 2000},
        "stayed": {**REQUIRED, "churned": False, "observed_at": MS},
    },
    "customer-score": {name: score(event) for name, event in EVENTS.items()} | {
        "smallest": score(REQUIRED, probability=0.0, label=False, threshold=1.0, event_schema_id=0,
                          source_partition=0, source_offset=0),
        "denormal": score(FULL, probability=5e-324),
        # Since v2. Contributions are floats, so they are chosen to be the same number as a double.
        "reasons": score(FULL, reasons=[{"feature": "contract", "contribution": 1.25},
                                        {"feature": "tenure", "contribution": -0.5},
                                        {"feature": "internet_service", "contribution": 0.0078125}]),
        "other-reasons": score(REQUIRED, reasons=[{"feature": "a feature of a later version", "contribution": -3.5}]),
    },
    "retrain-request": {
        "drift": {"request_id": "01JD8Z3M0QK7X8Y9ZABCDEFGHJ", "requested_at": MS, "reason": "drift",
                  "champion_version": "3", "detail": "tenure: PSI 0.31, p 1e-9"},
        "manual": {"request_id": "01JD8Z3M0QK7X8Y9ZABCDEFGHK", "requested_at": MS, "reason": "manual"},
    },
    "model-update": {
        "champion": {"model_name": "churn", "role": "champion", "version": "4",
                     "manifest_sha256": hashlib.sha256(b"manifest").hexdigest(), "previous_version": "3",
                     "updated_at": MS},
        "no-shadow": {"model_name": "churn", "role": "shadow", "updated_at": MS},
    },
}


def as_json(schema, case):
    """All fields of the schema; fixed bytes as hexadecimal, times as the number they are."""
    names = [field["name"] for field in schema["fields"]]
    value = {name: case.get(name) for name in names}
    return {name: item.hex() if isinstance(item, bytes) else item for name, item in value.items()}


def main(version):
    if fastavro.__version__ != FASTAVRO:
        sys.exit(f"found fastavro {fastavro.__version__}, expected {FASTAVRO}")
    for record, cases in CASES.items():
        text = (SCHEMAS / f"{record}.avsc").read_text()
        schema = json.loads(text)
        written = (SCHEMAS / "golden" / record).glob("*/schema.avsc")
        if any(path.read_text() == text for path in written):
            continue
        folder = SCHEMAS / "golden" / record / version
        if folder.exists():
            sys.exit(f"{folder} is written already, and golden bytes never change")
        folder.mkdir(parents=True)
        (folder / "schema.avsc").write_text(text)
        for name, case in cases.items():
            out = io.BytesIO()
            fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(text)), case)
            (folder / f"{name}.bin").write_bytes(out.getvalue())
            expected = json.dumps(as_json(schema, case), ensure_ascii=False, indent=1)
            (folder / f"{name}.json").write_text(expected + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
