"""Opens every dashboard in headless Chromium as a person would, and wants data in every chart.

Usage: look.py SUPERSET_URL IMAGES SERVER_LOG
What each chart asked for is read from the answers of Superset's chart data API; what it showed, from the page.
"""

import shutil
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen
import json

import yaml
from playwright.sync_api import sync_playwright

BUNDLE = Path(__file__).resolve().parents[1] / "bundle"
PATIENCE = 180
# High enough for a whole dashboard: charts out of sight are not drawn.
WIDTH, HEIGHT = 1500, 2000
# What Superset puts on a chart that went wrong or has nothing to show.
COMPLAINTS = ".chart-container .ant-alert, .ant-alert-error, [data-test='chart-error'], .ant-empty, .missing-chart-container"


def wait_for_server(url, log):
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            if urlopen(f"{url}/health", timeout=5).status == 200:
                return
        except OSError:
            time.sleep(1)
    sys.exit(f"Superset does not answer at {url}; the end of its log:\n{Path(log).read_text()[-3000:]}")


def charts_of(dashboard):
    return [cell["meta"]["sliceName"] for cell in dashboard["position"].values()
            if isinstance(cell, dict) and cell["type"] == "CHART"]


class Answers:
    """Rows that the chart data API gave, by the chart that asked."""

    def __init__(self, page):
        self.rows = {}
        self.errors = []
        page.on("response", self.take)

    def take(self, response):
        if "/api/v1/chart/data" not in response.url:
            return
        form = parse_qs(urlsplit(response.url).query).get("form_data", ["{}"])[0]
        chart = json.loads(form).get("slice_id")
        if response.status != 200:
            self.errors.append(f"chart {chart}: HTTP {response.status}: {response.text()[:500]}")
            return
        self.rows[chart] = sum(result["rowcount"] for result in response.json()["result"])


def log_in(page, url):
    page.goto(f"{url}/login/")
    page.fill("input[name='username'], #username", "admin")
    page.fill("input[name='password'], #password", "check")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda address: "/login" not in address, timeout=PATIENCE * 1000)


def look_at(page, url, dashboard, images):
    """What is wrong with the dashboard."""
    expected = charts_of(dashboard)
    answers = Answers(page)
    page.goto(f"{url}/superset/dashboard/{dashboard['slug']}/?standalone=1&show_filters=0", timeout=PATIENCE * 1000)
    until = time.monotonic() + PATIENCE
    # Each chart's figures have come, and no chart is still being drawn.
    while time.monotonic() < until and not answers.errors:
        if len(answers.rows) == len(expected) and page.locator("[data-test='loading-indicator'], .loading").count() == 0:
            break
        page.wait_for_timeout(500)
    # Charts grow into place.
    page.wait_for_timeout(2500)
    ends = page.evaluate("Math.max(...Array.from(document.querySelectorAll('.dashboard-component-chart-holder'), e => e.getBoundingClientRect().bottom))")
    page.screenshot(path=str(images / f"bi-{dashboard['slug']}.jpg"), type="jpeg", quality=70,
                    clip={"x": 0, "y": 0, "width": WIDTH, "height": min(ends + 16, HEIGHT)})
    wrong = list(answers.errors)
    if len(answers.rows) != len(expected):
        wrong.append(f"{len(answers.rows)} of {len(expected)} charts asked for data")
    wrong += [f"chart {chart}: no rows" for chart, rows in answers.rows.items() if rows == 0]
    shown = page.locator(COMPLAINTS).filter(visible=True)
    wrong += [f"the page says: {text}" for text in shown.all_inner_texts()]
    titles = page.locator("[data-test='editable-title-input'], .header-title, [data-test='slice-header']").all_inner_texts()
    drawn = page.locator(".chart-container canvas, .chart-container table, .chart-container .superset-legacy-chart-big-number").count()
    if drawn < len(expected):
        wrong.append(f"{drawn} of {len(expected)} charts are drawn ({titles})")
    print(f"{dashboard['dashboard_title']}: {len(answers.rows)} charts, {sum(answers.rows.values())} rows", flush=True)
    return wrong


def main(url, images, log):
    wait_for_server(url, log)
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    images = Path(images)
    images.mkdir(parents=True, exist_ok=True)
    wrong = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
        page = context.new_page()
        log_in(page, url)
        page.close()
        for path in sorted((BUNDLE / "dashboards").glob("*.yaml")):
            page = context.new_page()
            dashboard = yaml.safe_load(path.read_text())
            wrong += [f"{dashboard['dashboard_title']}: {what}" for what in look_at(page, url, dashboard, images)]
            page.close()
        browser.close()
    for what in wrong:
        print(what, file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
