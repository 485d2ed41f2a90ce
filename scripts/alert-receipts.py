#!/usr/bin/env python3
"""Receives Alertmanager's webhooks, and judges when the first alarm about the model came.

alert-receipts.py PORT FILE                       appends one line of JSON a receipt
alert-receipts.py --judge REPORT FILE MOST        prints the seconds from the scenario's first event; fails beyond MOST
"""

import datetime
import http.server
import json
import pathlib
import sys
import time


def receive(port, file):
    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            at = time.time()
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with open(file, "a", encoding="utf-8") as receipts:
                receipts.write(json.dumps({"at": at, "alerts": body["alerts"]}) + "\n")
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    http.server.ThreadingHTTPServer(("127.0.0.1", port), Hook).serve_forever()


def judge(report, file, most):
    scenario = json.loads(pathlib.Path(report).read_text(encoding="utf-8"))["scenarios"][0]
    began = datetime.datetime.fromisoformat(scenario["at"].replace("Z", "+00:00")).timestamp()
    path = pathlib.Path(file)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    firing = [
        (receipt["at"] - began, alert["labels"])
        for receipt in map(json.loads, lines)
        for alert in receipt["alerts"]
        if alert["status"] == "firing"
    ]
    about_model = [(after, labels) for after, labels in firing if labels["alertname"] == "ChurnModelAlarm"]
    early = [labels for after, labels in firing if after < 0]
    if early:
        sys.exit(f"an alarm came before {scenario['name']} began: {early[0]}")
    if not about_model:
        sys.exit(f"{scenario['name']}: no alarm about the model reached the webhook; it got {firing}")
    after, labels = about_model[0]
    print(f"{scenario['name']}: {labels['alertname']} ({labels['kind']}) at the webhook after {after:.1f} s")
    if after > most:
        sys.exit(f"{scenario['name']}: {after:.1f} s, at most {most:.0f} s were allowed")


if sys.argv[1] == "--judge":
    judge(sys.argv[2], sys.argv[3], float(sys.argv[4]))
else:
    receive(int(sys.argv[1]), sys.argv[2])
