"""Writes golden_ids.csv: score ids derived without the crate, by hashlib and Crockford's base 32 (ULID specification)."""

import csv
import hashlib
import pathlib
import uuid

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CASES = [
    ("synthesizer-0", 0, 0),
    ("synthesizer-0", 1, 1_700_000_000_000),
    ("synthesizer-0", 9_223_372_036_854_775_807, 1_700_000_000_001),
    ("ünïcode", 42, 281_474_976_710_655),
    ("", -7, 1_763_935_200_123),
]

with open(pathlib.Path(__file__).with_name("golden_ids.csv"), "w", newline="") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["stream", "sequence", "event_time_ms", "ulid", "uuid"])
    for stream, sequence, time in CASES:
        digest = hashlib.sha256(f"{stream}:{sequence}".encode()).digest()
        bits = (time << 80) | int.from_bytes(digest[:10], "big")
        ulid = "".join(ALPHABET[(bits >> shift) & 31] for shift in range(125, -1, -5))
        writer.writerow([stream, sequence, time, ulid, uuid.UUID(int=bits)])
