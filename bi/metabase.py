"""Makes the dashboards of bi/superset/bundle in Metabase, over its REST API: a question for each chart, of the same SQL.

NOT RUN: there was no Metabase where this was written. It follows Metabase's API documentation (session, database, card, dashboard).

Usage: METABASE_URL=… METABASE_EMAIL=… METABASE_PASSWORD=… metabase.py DATABASE
DATABASE is the name under which Metabase knows the warehouse. A dashboard whose name is there already is left alone. Needs PyYAML.
"""

import json
import os
import sys
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "dbt/check"))
from queries import load, query  # noqa: E402

DISPLAYS = {"big_number_total": "scalar", "pie": "pie", "echarts_timeseries_line": "line", "echarts_timeseries_bar": "bar", "bubble_v2": "scatter"}
# Superset's grid is 12 wide, Metabase's 24; a row of Superset is 8 pixels high, one of Metabase about 50.
WIDTH, HEIGHT = 2, 6


class Metabase:
    def __init__(self, url, email, password):
        self.url, self.session = url.rstrip("/"), None
        self.session = self.ask("POST", "session", {"username": email, "password": password})["id"]

    def ask(self, method, path, body=None):
        headers = {"Content-Type": "application/json"} | ({"X-Metabase-Session": self.session} if self.session else {})
        request = urllib.request.Request(f"{self.url}/api/{path}", json.dumps(body).encode() if body else None, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def database(self, name):
        known = {database["name"]: database["id"] for database in self.ask("GET", "database")["data"]}
        if name not in known:
            sys.exit(f"Metabase knows no database {name}, only {', '.join(known)}: add the warehouse there first")
        return known[name]

    def dashboards(self):
        return {found["name"] for found in self.ask("GET", "search?models=dashboard")["data"]}

    def question(self, database, chart, dataset):
        return self.ask("POST", "card", {
            "name": chart["slice_name"], "display": DISPLAYS.get(chart["viz_type"], "table"), "visualization_settings": {},
            "dataset_query": {"type": "native", "database": database, "native": {"query": query(chart, dataset)}},
        })["id"]


def charts_of(dashboard):
    return {cell["meta"]["uuid"] for cell in dashboard["position"].values() if isinstance(cell, dict) and cell["type"] == "CHART"}


def placed(dashboard, questions):
    """Metabase's cells, in the order and with the proportions of Superset's rows."""
    cells, position, top = [], dashboard["position"], 0
    for row in position["GRID_ID"]["children"]:
        left, tallest = 0, 0
        for cell in (position[child]["meta"] for child in position[row]["children"]):
            width, height = cell["width"] * WIDTH, max(3, cell["height"] // HEIGHT)
            cells.append({"id": -len(cells) - 1, "card_id": questions[cell["uuid"]], "row": top, "col": left, "size_x": width, "size_y": height})
            left, tallest = left + width, max(tallest, height)
        top += tallest
    return cells


def main(name):
    metabase = Metabase(os.environ["METABASE_URL"], os.environ["METABASE_EMAIL"], os.environ["METABASE_PASSWORD"])
    database = metabase.database(name)
    datasets = {dataset["uuid"]: dataset for dataset in load("datasets").values()}
    charts = {chart["uuid"]: chart for chart in load("charts").values()}
    known = metabase.dashboards()
    for dashboard in load("dashboards").values():
        title = dashboard["dashboard_title"]
        if title in known:
            print(f"{title}: is there already")
            continue
        questions = {uuid: metabase.question(database, charts[uuid], datasets[charts[uuid]["dataset_uuid"]]) for uuid in charts_of(dashboard)}
        made = metabase.ask("POST", "dashboard", {"name": title})["id"]
        metabase.ask("PUT", f"dashboard/{made}", {"dashcards": placed(dashboard, questions)})
        print(f"{title}: {metabase.url}/dashboard/{made}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
