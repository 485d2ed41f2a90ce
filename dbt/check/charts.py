"""Runs the SQL of the dashboards' charts: what `make test` does in place of a whole Superset."""

import sys

import yaml
from common import ROOT, expect
from queries import load, query


def placed_charts(dashboards):
    """The ids of the charts that stand on these dashboards."""
    return {cell["meta"]["uuid"] for dashboard in dashboards.values()
            for cell in dashboard["position"].values() if isinstance(cell, dict) and cell["type"] == "CHART"}


def exposed():
    """By dashboard: the tables that its exposure names."""
    exposures = yaml.safe_load((ROOT / "dbt/models/exposures.yml").read_text())["exposures"]
    return {e["name"].removesuffix("_dashboard"): {ref[len("ref('"):-len("')")] for ref in e["depends_on"]} for e in exposures}


def shown(dashboards, charts, datasets):
    """By dashboard: the tables that its charts read."""
    tables = {chart["uuid"]: datasets[chart["dataset_uuid"]]["table_name"] for chart in charts.values()}
    return {name: {tables[uuid] for uuid in placed_charts({name: dashboard})} for name, dashboard in dashboards.items()}


def run_all(warehouse):
    """As whoever is logged in: each chart's SQL gives rows with a number in them."""
    datasets = {dataset["uuid"]: dataset for dataset in load("datasets").values()}
    charts, dashboards = load("charts"), load("dashboards")
    expect("each chart stands on a dashboard, and each place has its chart",
           placed_charts(dashboards), {chart["uuid"] for chart in charts.values()})
    expect("dbt's exposures name what the dashboards show", exposed(), shown(dashboards, charts, datasets))
    for name, chart in charts.items():
        try:
            rows = warehouse.all(query(chart, datasets[chart["dataset_uuid"]]))
        except KeyError as unknown:
            sys.exit(f"bi/superset/bundle/charts/{name}.yaml: its dataset has no column or metric {unknown}")
        if not rows or not any(value is not None for value in rows[0]):
            sys.exit(f"bi/superset/bundle/charts/{name}.yaml: its SQL gives no data")
    print(f"ok: the SQL of {len(charts)} charts gives data to analysts", flush=True)
