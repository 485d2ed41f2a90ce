"""The SQL that the charts of bi/superset ask for, made from their files."""

import json
from pathlib import Path

import yaml

BUNDLE = Path(__file__).resolve().parents[2] / "bi/superset/bundle"
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
    dimensions = [f"{columns[name]} as {name}" for name in named(params, DIMENSIONS)]
    numbers = [f"{metrics[name]} as {name}" for name in named(params, METRICS)]
    selected = ", ".join(dimensions + numbers)
    grouped = ", ".join(str(place) for place in range(1, len(dimensions) + 1))
    grouping = f" group by {grouped}" if dimensions and numbers else ""
    return f"select {selected} from {dataset['schema']}.{dataset['table_name']}{grouping}{order(params)} limit {params.get('row_limit', 1)}"


def order(params):
    """Superset's order of a table's rows: JSON texts such as ["expected_loss", false], where false means the largest first."""
    keys = [json.loads(text) for text in params.get("order_by_cols", [])]
    return " order by " + ", ".join(column + ("" if ascending else " desc") for column, ascending in keys) if keys else ""
