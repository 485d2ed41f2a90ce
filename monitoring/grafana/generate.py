#!/usr/bin/env python3
"""Writes dashboards/*.json from model.py, drift.py, retraining.py, pipeline.py and business.py.

generate.py            writes them
generate.py --check    fails where a file is not what would be written
"""

import json
import pathlib
import sys

import business
import drift
import model
import pipeline
import retraining

FOLDER = pathlib.Path(__file__).parent / "dashboards"


def main():
    written = {f"{board.DASHBOARD['uid']}.json": json.dumps(board.DASHBOARD, indent=1) + "\n" for board in (model, drift, retraining, pipeline, business)}
    if sys.argv[1:] == ["--check"]:
        found = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
        if stale := sorted(name for name in written.keys() | found.keys() if written.get(name) != found.get(name)):
            sys.exit(f"{', '.join(stale)}: not what monitoring/grafana/generate.py writes; run it")
        return
    FOLDER.mkdir(exist_ok=True)
    for name, text in written.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


main()
