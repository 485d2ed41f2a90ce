#!/usr/bin/env python3
"""Lets scenarios happen to a demo that real servers watch, and measures the seconds from a scenario's first event to the alert's
receipt by a webhook.

watch.py PROGRAM --scenario NAME [--most SECONDS] [--panels POSTGRES-URL]    fails where the alert is late, or another came before
watch.py PROGRAM --quiet SECONDS                                            fails where any alert comes
"""

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
import time

import dashboards
from stack import RATE, Stack, wait_for

# What has to be told of each scenario: one of these.
EXPECTED = {
    "covariate-drift": {"ChurnDrift"},
    "concept-drift": {"ChurnPerformanceWorse"},
    # More leavers move the errors at once, and each feature by less than what counts as drift.
    "label-shift": {"ChurnDrift", "ChurnPerformanceWorse"},
    "missing-values": {"ChurnMissingValues"},
    "new-category": {"ChurnUnknownCategory"},
    "burst": {"ChurnBurst"},
    "silence": {"ChurnSilence"},
}


def began(scenario):
    """When it began, seconds since 1970. A silence is dated by the first event after it."""
    at = datetime.datetime.fromisoformat(scenario["at"].replace("Z", "+00:00")).timestamp()
    if scenario["name"] == "silence":
        length = scenario["spec"].rpartition("+")[2]
        at -= float(length.removesuffix("s"))
    return at


def watch(stack, name, at, most, postgres):
    """Runs the scenario until its alert has come, or is late."""
    stack.up(["--duration", f"{at + 60}s", "--scenario", name, "--at", f"{at}s"], postgres)
    deadline = 120 + at
    told = lambda: [alert for _, alert in stack.fired() if alert["alertname"] in EXPECTED[name]]
    try:
        wait_for(f"{name}: an alert of {sorted(EXPECTED[name])} at the webhook", told, deadline, stack.demo)
    except SystemExit as missing:
        log = (stack.folder / "demo.log").read_text(encoding="utf-8")[-2000:]
        sys.exit(f"{missing}; it got {[alert for _, alert in stack.fired()]}; the end of the demo's log: {log}")
    asked = None
    if postgres:
        reference = json.loads(subprocess.check_output([stack.program, "metrics", "reference", "--json"]))
        asked = dashboards.check_until(stack, postgres, 20), dashboards.check_series(stack, reference)
    report = stack.finish()
    start = began(report["scenarios"][0])
    after = sorted(((received - start, alert["alertname"], alert) for received, alert in stack.fired()), key=lambda one: one[:2])
    early = [alert for seconds, _, alert in after if seconds < 0]
    if early:
        sys.exit(f"{name}: an alert came before it began: {early}")
    seconds, told_as = next((seconds, alert) for seconds, alert, _ in after if alert in EXPECTED[name])
    others = sorted({f"{alert} {first:.1f} s" for first, alert, _ in after if alert != told_as})
    print(f"{name}: {told_as} at the webhook after {seconds:.1f} s" + (f"; also {', '.join(others)}" if others else ""), flush=True)
    if seconds > most:
        sys.exit(f"{name}: {seconds:.1f} s, at most {most:g} s were allowed")
    if asked:
        queries, (metrics, series) = asked
        print(f"all {queries} queries of the dashboards gave data; {metrics} metrics, {series} series, none undeclared or above its bound")


def quiet(stack, seconds):
    """Runs without a scenario."""
    stack.up(["--duration", f"{seconds}s"])
    time.sleep(seconds)
    report = stack.finish(120)
    if fired := stack.fired():
        sys.exit(f"alerts without a scenario: {[alert for _, alert in fired]}")
    scrapes = stack.ask("query", query=f'count_over_time(up{{job="churn"}}[{seconds + 60}s])')["result"][0]["value"][1]
    print(f"no alert in {seconds} s at {RATE} events/s ({scrapes} scrapes, {report['rows']} rows)" if "rows" in report else f"no alert in {seconds} s at {RATE} events/s ({scrapes} scrapes)")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--scenario", choices=sorted(EXPECTED))
    parser.add_argument("--at", type=int, default=15)
    parser.add_argument("--most", type=float, default=15)
    parser.add_argument("--panels", metavar="POSTGRES-URL")
    parser.add_argument("--quiet", type=int, metavar="SECONDS")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="churn-monitoring-") as folder:
        stack = Stack(folder, arguments.program)
        try:
            if arguments.quiet:
                quiet(stack, arguments.quiet)
            else:
                watch(stack, arguments.scenario, arguments.at, arguments.most, arguments.panels)
        finally:
            stack.down()


main()
