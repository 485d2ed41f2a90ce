"""Times of a full build of a million scores and of an increment of 100,000, and whether the two give the same rows.

Usage: bench.py postgres://user:password@host:port [ROWS MORE]   (a superuser; the database is made and dropped)

A time is the sum of the models' execution times in run_results.json, tests apart. Prints one JSON document; exits with 1
where the ratio is above 0.2 or a row differs.
"""

import json
import sys

from common import Warehouse

LIMIT = 0.2


def build(warehouse, *arguments):
    """Seconds by model."""
    warehouse.dbt("run", *arguments)
    results = warehouse.artifact("run_results.json")["results"]
    return {r["unique_id"].split(".")[-1]: r["execution_time"] for r in results if r["unique_id"].startswith("model.")}


def set_aside(warehouse):
    for schema in warehouse.schemas():
        warehouse.run(f"alter schema {schema} rename to grown_{schema}")


def rows_that_differ(warehouse):
    """By table: rows that only the increments have, and rows that only the full refresh has."""
    differing = {}
    for table in warehouse.tables():
        here, there = f"grown_{table}", table
        count = "select count(*) from (select * from {} except all select * from {}) as rest"
        differing[table] = {
            "rows": warehouse.one(f"select count(*) from {there}")[0],
            "only_increments": warehouse.one(count.format(here, there))[0],
            "only_full_refresh": warehouse.one(count.format(there, here))[0],
        }
    return differing


def main(server, rows, more):
    with Warehouse(server, "bench") as warehouse:
        warehouse.fill(0, rows)
        full = build(warehouse)
        warehouse.fill(rows, more)
        increment = build(warehouse)
        set_aside(warehouse)
        build(warehouse, "--full-refresh")
        differing = rows_that_differ(warehouse)
    ratio = sum(increment.values()) / sum(full.values())
    print(json.dumps({
        "rows": rows, "more": more, "full_seconds": round(sum(full.values()), 2), "increment_seconds": round(sum(increment.values()), 2),
        "ratio": round(ratio, 3), "limit": LIMIT,
        "seconds_by_model": {name: [round(full[name], 2), round(seconds, 2)] for name, seconds in increment.items()},
        "differing_rows": differing,
    }, indent=1))
    same = not any(found["only_increments"] or found["only_full_refresh"] for found in differing.values())
    sys.exit(0 if same and ratio <= LIMIT else 1)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 4):
        sys.exit(__doc__)
    main(sys.argv[1].rstrip("/"), *(int(text) for text in sys.argv[2:] or (1_000_000, 100_000)))
