"""Runs what the dashboards ask, as Grafana would: variables and macros filled in."""

import json
import os
import pathlib
import re
import secrets
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "monitoring/grafana/dashboards"
SPAN = 30


def choices(stack, variable):
    """The values that a variable offers."""
    call = re.fullmatch(r"label_values\((.+), *(\w+)\)", variable["definition"])
    if not call:
        sys.exit(f"variable {variable['name']}: this check does not know {variable['definition']}")
    return stack.ask(f"label/{call[2]}/values", **{"match[]": call[1]})


def filled(text, values):
    """The query with a second as the interval, scrapes being one apart, and the last half minute as the time."""
    now = time.time()
    macros = {
        r"\$__rate_interval": "5s",
        r"\$__interval": "1s",
        r"\$__range": f"{SPAN}s",
        r"\$__timeFrom\(\)": f"to_timestamp({now - 3600})",
        r"\$__timeTo\(\)": f"to_timestamp({now})",
        r"\$__timeGroup\((\w+), *1s\)": r"floor(extract(epoch from \1))",
    }
    for pattern, value in macros.items():
        text = re.sub(pattern, value, text)
    for name, value in values.items():
        text = text.replace(f"${name}", value)
    if "$" in text:
        sys.exit(f"this check does not know what stands after $ in {text}")
    return text


def samples(stack, target, values):
    """How many values Prometheus gives."""
    query, now = filled(target["expr"], values), time.time()
    if target["instant"]:
        series = stack.ask("query", query=query)["result"]
        found = [one["value"][1] for one in series]
    else:
        series = stack.ask("query_range", query=query, start=now - SPAN, end=now, step="1")["result"]
        found = [value for one in series for _, value in one["values"]]
    return sum(value not in ("NaN", "+Inf", "-Inf") for value in found)


def rows(postgres, target, values):
    """How many rows Postgres gives in which something stands."""
    query = filled(target["rawSql"], values)
    command = ["psql", "-X", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", query, postgres]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"Postgres refuses {query}: {run.stderr}")
    return sum(bool(line.strip()) for line in run.stdout.splitlines())


def reader(owner):
    """The database as Grafana's own user, which is made as Compose makes it."""
    password = secrets.token_hex(16)
    login = ROOT / "compose/observability/grafana-login.sql"
    command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", login, owner]
    made = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "GRAFANA_POSTGRES_PASSWORD": password})
    if made.returncode != 0:
        sys.exit(f"{login.name}: {made.stderr}")
    return re.sub(r"//[^@]*@", f"//churn_grafana:{password}@", owner)


def check(stack, postgres):
    """How many queries the panels have, and those that give no data."""
    asked, empty = 0, []
    for path in sorted(FOLDER.glob("*.json")):
        board = json.loads(path.read_text(encoding="utf-8"))
        values = {}
        for variable in board["templating"]["list"]:
            offered = choices(stack, variable)
            if not offered:
                sys.exit(f"{board['title']}: the variable {variable['name']} offers nothing")
            values[variable["name"]] = variable["allValue"] if variable["includeAll"] else offered[0]
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                asked += 1
                is_sql = target["datasource"]["uid"] == "postgres"
                found = rows(postgres, target, values) if is_sql else samples(stack, target, values)
                if not found:
                    empty.append(f"{board['title']} / {panel['title']}: {target.get('rawSql') or target.get('expr')}")
    return asked, empty


def check_until(stack, postgres, seconds):
    """Every query of every panel gives data in time, to Grafana's own user; returns how many there are."""
    postgres, until = reader(postgres), time.time() + seconds
    while True:
        asked, empty = check(stack, postgres)
        if not empty:
            return asked
        if time.time() > until:
            sys.exit("panels without data:\n" + "\n".join(empty))
        time.sleep(1)


def check_series(stack, reference):
    """No metric has more series than it is declared to have at most, and none is undeclared."""
    declared = {}
    for metric in reference["metrics"]:
        ends = ["_bucket", "_count", "_sum"] if metric["kind"] == "histogram" else [""]
        declared |= {metric["name"] + end: metric["most_series"] for end in ends}
    counted = stack.ask("query", query='count by (__name__) ({__name__=~"churn_.+"})')["result"]
    for one in counted:
        name, series = one["metric"]["__name__"], int(one["value"][1])
        if name not in declared:
            sys.exit(f"{name} is shown and not declared")
        if series > declared[name]:
            sys.exit(f"{name} has {series} series, declared are at most {declared[name]}")
    return len(counted), sum(int(one["value"][1]) for one in counted)
