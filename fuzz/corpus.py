#!/usr/bin/env python3
"""Writes the first files of corpus/, from the golden records, the shipped rows and a few lines by hand.

Usage: corpus.py, in this folder. Needs nothing but Python. Files named found-... are left alone.
"""
import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
GOLDEN = HERE.parent / "schemas" / "golden"
ROWS = HERE.parent / "data" / "telco_customer_churn.csv"


def write(door: str, name: str, content: bytes | str) -> None:
    folder = HERE / "corpus" / door
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def avro() -> None:
    for which, record in enumerate(["customer-event", "customer-outcome", "customer-score"]):
        # The door takes bytes of the present schema, which is that of the newest version.
        present = max((GOLDEN / record).iterdir(), key=lambda folder: int(folder.name[1:]))
        for file in sorted(present.glob("*.bin")):
            write("avro", f"good-{record}-{file.stem}", bytes([which]) + file.read_bytes())
        whole = (present / "full.bin").read_bytes() if (present / "full.bin").exists() else b"\0" * 8
        write("avro", f"bad-{record}-cut", bytes([which]) + whole[: len(whole) // 2])
        # The longest text that a length can claim.
        write("avro", f"bad-{record}-length", bytes([which]) + bytes.fromhex("feffffffffffffffff01") + whole)
    # An array of reasons that claims to be without end, in the place of none.
    score = (GOLDEN / "customer-score" / "v2" / "full.bin").read_bytes()
    write("avro", "bad-customer-score-reasons", bytes([2]) + score[:-1] + bytes.fromhex("02feffffffffffffffff01"))
    write("avro", "bad-empty", b"")


def framing() -> None:
    write("framing", "good-id", bytes([0, 0, 0, 0, 0, 7]) + b"record")
    write("framing", "good-guid", bytes([18, 1]) + bytes(range(16)) + b"record")
    write("framing", "good-id-in-header", bytes([6, 0, 0, 0, 0, 7]) + b"record")
    write("framing", "bad-short", bytes([0, 0, 0, 0]))
    write("framing", "bad-magic", bytes([0, 5, 0, 0, 0, 1]))
    write("framing", "bad-short-guid", bytes([4, 1, 2, 3]) + b"record")
    write("framing", "bad-empty", b"")


def csv() -> None:
    lines = ROWS.read_text().splitlines()
    write("csv", "good-shipped", "\n".join(lines[:6]) + "\n")
    write("csv", "good-windows", "\r\n".join(lines[:3]) + "\r\n")
    write("csv", "bad-no-column", "a,b\n1,2\n")
    write("csv", "bad-empty", "")
    write("csv", "bad-not-utf8", lines[0].encode() + b"\n\xff\xfe,\x00\n")
    write("csv", "found-open-quote", lines[0] + '\n"never closed')


def manifest() -> None:
    good = {
        "format": 1,
        "kind": "model",
        "version": "v1",
        "created_at": "2026-01-01T00:00:00Z",
        "created_by": "a test",
        "params": {},
        "lineage": {},
        "metrics": {},
        "files": [{"name": "model.json", "size": 3, "sha256": "0" * 64}],
    }
    write("manifest", "good-one-file", json.dumps(good))
    escaping = good | {"files": [{"name": "../../etc/passwd", "size": 3, "sha256": "0" * 64}]}
    write("manifest", "bad-outside", json.dumps(escaping))
    write("manifest", "bad-twice", json.dumps(good | {"files": good["files"] * 2}))
    huge = good | {"files": [{"name": "model.json", "size": 2**63, "sha256": "0" * 64}]}
    write("manifest", "bad-huge", json.dumps(huge))
    write("manifest", "bad-other-version", json.dumps(good | {"version": "v2"}))
    write("manifest", "bad-deep", "[" * 500)


def http_rows() -> None:
    row = {"tenure": 1, "contract": "Month-to-month", "female": True, "monthly_charges": 95.5, "partner": None}
    write("http_rows", "good-one", json.dumps(row))
    write("http_rows", "good-many", json.dumps({"customers": [row, {}]}))
    write("http_rows", "good-array", json.dumps([row]))
    write("http_rows", "bad-none", "[]")
    write("http_rows", "bad-type", json.dumps({"tenure": "one"}))
    write("http_rows", "bad-range", json.dumps({"tenure": -1}))
    write("http_rows", "bad-unknown", json.dumps({"tenur": 1}))
    write("http_rows", "bad-number", '{"monthly_charges": 1e999}')
    write("http_rows", "bad-deep", "[" * 500)


for door in (avro, framing, csv, manifest, http_rows):
    door()
