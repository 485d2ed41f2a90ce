"""The SQL that the charts of bi/superset ask for, made from their files: what `make test` runs in place of a whole Superset."""

import sys

import yaml
from common import ROOT, expect

BUNDLE = ROOT / "bi/superset/bundle"
DIMENSIONS = ("x_axis", "groupby", "entity", "series", "all_columns")
METRICS = ("metric", "metrics", "x", "y", "size")


def load(folder):
    return {path.stem: yaml.safe_load(path.read_text()) for path in sorted((BUNDLE / folder).rglob("*.yaml"))}


def named(params, keys):
    """The names that a chart's parameters hold under these keys, each once."""
    names = []
    for key in keys:
        value = params.get(key) or []
        names += value if isinstance(value, list) else [value]
    return list(dict.fromkeys(names))


def query(chart, dataset):
    """One chart's SQL. A name that the dataset does not know is an error: Superset would show it only to who looks."""
    columns = {column["column_name"]: column["expression"] or column["column_name"] for column in dataset["columns"]}
    metrics = {metric["metric_name"]: metric["expression"] for metric in dataset["metrics"]}
    params = chart["params"]
    dimensions = [columns[name] for name in named(params, DIMENSIONS)]
    numbers = [metrics[name] for name in named(params, METRICS)]
    selected = ", ".join(dimensions + numbers)
    grouped = ", ".join(str(place) for place in range(1, len(dimensions) + 1))
    grouping = f" group by {grouped}" if dimensions and numbers else ""
    return f"select {selected} from {dataset['schema']}.{dataset['table_name']}{grouping}"


def placed_charts():
    """The charts' ids that stand on a dashboard."""
    return {cell["meta"]["uuid"] for dashboard in load("dashboards").values()
            for cell in dashboard["position"].values() if isinstance(cell, dict) and cell["type"] == "CHART"}


def run_all(warehouse):
    """As whoever is logged in: each chart's SQL gives rows with a number in them."""
    datasets = {dataset["uuid"]: dataset for dataset in load("datasets").values()}
    charts = load("charts")
    expect("each chart stands on a dashboard, and each place has its chart", placed_charts(), {chart["uuid"] for chart in charts.values()})
    for name, chart in charts.items():
        try:
            rows = warehouse.all(query(chart, datasets[chart["dataset_uuid"]]))
        except KeyError as unknown:
            sys.exit(f"bi/superset/bundle/charts/{name}.yaml: its dataset has no column or metric {unknown}")
        if not rows or not any(value is not None for value in rows[0]):
            sys.exit(f"bi/superset/bundle/charts/{name}.yaml: its SQL gives no data")
    print(f"ok: the SQL of {len(charts)} charts gives data to analysts", flush=True)
