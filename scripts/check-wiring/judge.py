#!/usr/bin/env python3
"""judge.py ENV SERVICES COMPOSE...: judges the platform that COMPOSE (Compose's client with its arguments) has started.

ENV is the file of secrets that it was started with, SERVICES the names of those that must run. Asks only what a user can ask: Compose,
and the addresses that are published on loopback. Ends with exit code 1 and the reason at the first thing that is not as it should be.
"""

import json
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

# Those that run to their end before others start.
ONCE = {"setup", "buckets", "mlflow-database", "bi-login", "superset-database", "superset-dashboards", "metabase-database", "metabase-setup"}
# The dashboards of bi/superset.
DASHBOARDS = {"Campaign", "Churn", "Models", "Segments"}
PARTS = ["synthesizer", "scorer", "sink", "monitor", "api"]
# Compose's waits for health have passed by now; what is asked below may still be on its way.
PATIENCE = 120


class NotSo(Exception):
    """Something is not as it should be."""


def require(true: bool, otherwise: str) -> None:
    if not true:
        raise NotSo(otherwise)


def eventually(question):
    """What `question` returns, asked again while it finds fault or gets no answer."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return question()
        except (NotSo, OSError, KeyError, ValueError) as fault:
            if time.monotonic() > until:
                raise NotSo(f"{fault} (after {PATIENCE} s)") from fault
        time.sleep(0.5)


def get(url: str, token: str | None = None, body: dict | None = None):
    """Status and JSON of an answer."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, None


class Judge:
    """The platform as its user sees it."""

    def __init__(self, env: str, services: str, compose: list[str]) -> None:
        lines = (line.split("=", 1) for line in pathlib.Path(env).read_text().splitlines() if "=" in line and line[0] != "#")
        self.env = dict(lines)
        self.services = services.split()
        self.compose = compose

    def run(self, *arguments: str) -> str:
        done = subprocess.run([*self.compose, *arguments], capture_output=True, text=True)
        require(done.returncode == 0, f"compose {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def churn(self, *arguments: str):
        """What a command of the program says, run as docs say: beside the running stack."""
        return json.loads(self.run("run", "--rm", "--no-deps", "-T", "setup", *arguments, "--json"))

    def query(self, sql: str, user: str = "churn", password: str = "POSTGRES_PASSWORD") -> list[str]:
        secret = f"PGPASSWORD={self.env[password]}"
        said = self.run("exec", "-T", "-e", secret, "postgres", "psql", "-h", "127.0.0.1", "-U", user, "-d", "churn", "-tAc", sql)
        return said.strip().split("|")

    def containers(self) -> dict[str, dict]:
        return {one["Service"]: one for one in map(json.loads, self.run("ps", "--all", "--format", "json").splitlines())}

    def everything_is_up(self) -> str:
        found = self.containers()
        for service in self.services:
            state = found[service]
            require(state["State"] == "running" and state["Health"] == "healthy", f"{service} is {state['State']}, {state['Health']}")
        for service in ONCE & found.keys():
            require(found[service]["State"] == "exited" and found[service]["ExitCode"] == 0, f"{service}: {found[service]['State']}")
        return f"{', '.join(self.services)} are healthy; {', '.join(sorted(ONCE & found.keys()))} ended well"

    def rows(self) -> int:
        return int(self.query("select count(*) from churn.scored_event")[0])

    def rows_grow(self) -> str:
        before = self.rows()

        def grown() -> int:
            now = self.rows()
            require(now > before, f"scored_event stays at {now} rows")
            return now

        return f"rows grow: {before}, then {eventually(grown)}"

    def targets_are_up(self) -> str:
        _, answer = get("http://127.0.0.1:9090/api/v1/targets")
        targets = {one["labels"]["instance"]: one for one in answer["data"]["activeTargets"] if one["labels"]["job"] == "churn"}
        for part in [part for part in self.services if part in self.parts()]:
            target = targets.get(f"{part}:8080")
            require(target is not None, f"Prometheus does not know {part}")
            require(target["health"] == "up", f"{part} cannot be scraped: {target['lastError']}")
        query = urllib.parse.quote("sum(churn_component_ready)")
        _, answer = get(f"http://127.0.0.1:9090/api/v1/query?query={query}")
        require(bool(answer["data"]["result"]), "Prometheus holds no metric of the parts")
        return f"Prometheus scrapes {', '.join(sorted(targets))}"

    def parts(self) -> list[str]:
        return [service for service in self.services if service in [*PARTS, "trainer"]]

    def alarms_have_a_way_out(self) -> str:
        _, answer = get("http://127.0.0.1:9090/api/v1/rules")
        rules = [rule for group in answer["data"]["groups"] for rule in group["rules"]]
        require(bool(rules), "Prometheus has no rules")
        for rule in rules:
            require(rule["health"] == "ok", f"the rule {rule['name']} is {rule['health']}: {rule.get('lastError')}")
        _, answer = get("http://127.0.0.1:9090/api/v1/alertmanagers")
        require(len(answer["data"]["activeAlertmanagers"]) == 1, "Prometheus has no Alertmanager")
        status, _ = get("http://127.0.0.1:9093/api/v2/alerts")
        require(status == 200, f"Alertmanager answers {status}")
        return f"{len(rules)} rules are evaluated, Alertmanager takes what they raise"

    def mlflow_shows_the_champion(self) -> str:
        champion = next(model["version"] for model in self.churn("model", "list") if model["champion"])
        address = "http://127.0.0.1:5000/api/2.0/mlflow/registered-models/alias?name=churnstream-model&alias=champion"

        def shown() -> str:
            status, answer = get(address)
            require(status == 200, f"MLflow has no champion: status {status}")
            tags = {tag["key"]: tag["value"] for tag in answer["model_version"]["tags"]}
            require(tags["churn.version"] == str(champion), f"MLflow's champion is {tags['churn.version']}, ours {champion}")
            return tags["churn.version"]

        return f"MLflow shows the champion, {eventually(shown)}"

    def superset_has_the_dashboards(self) -> str:
        address = "http://127.0.0.1:8088/api/v1"
        login = {"username": "admin", "password": self.env["SUPERSET_PASSWORD"], "provider": "db"}
        status, answer = get(f"{address}/security/login", body=login)
        require(status == 200, f"Superset lets nobody in: status {status}")
        status, found = get(f"{address}/dashboard/", answer["access_token"])
        require(status == 200, f"Superset lists no dashboards: status {status}")
        titles = {dashboard["dashboard_title"] for dashboard in found["result"]}
        require(titles >= DASHBOARDS, f"Superset lacks the dashboards {', '.join(DASHBOARDS - titles)}")
        return f"Superset has the dashboards {', '.join(sorted(DASHBOARDS))}"

    def the_dashboards_read_the_warehouse(self) -> str:
        login = ("churn_bi", "BI_PASSWORD")

        def customers() -> int:
            found = int(self.query("select count(*) from warehouse.campaign_list", *login)[0])
            require(found > 0, "the warehouse's list of customers is empty")
            return found

        said = f"the dashboards' log-in reads {eventually(customers)} customers of the warehouse"
        try:
            self.query("select count(*) from churn.scored_event", *login)
        except NotSo:
            return f"{said}, and no source"
        raise NotSo("the dashboards' log-in may read the source")

    def the_api_asks_for_its_token(self) -> str:
        address, customer = "http://127.0.0.1:8080/v1/predict", {"tenure": 2}
        status, _ = get(address, body=customer)
        require(status == 401, f"the api answers a stranger with {status}")
        status, answer = get(address, self.env["CHURN_HTTP_TOKEN"], customer)
        require(status == 200, f"the api answers {status}")
        return f"the api scores who has the token: {json.dumps(answer)[:80]}"

    def nothing_is_missing_or_doubled(self) -> str:
        """With the source stopped, and everything read: the stored sequence numbers are 0, 1, 2, ... each once."""
        self.run("stop", "synthesizer")

        def drained() -> None:
            for position in self.churn("offsets", "show"):
                # A transaction's markers are offsets as well, and nobody's work.
                require((position["behind"] or 0) <= 2, f"{position['consumer']} is {position['behind']} behind")

        eventually(drained)
        rows, distinct, last, outcomes, known = map(
            int,
            self.query(
                "select count(*), count(distinct (stream, sequence)), max(sequence) + 1, (select count(*) from churn.outcome),"
                " (select count(distinct (stream, sequence)) from churn.outcome) from churn.scored_event"
            ),
        )
        require(rows == distinct, f"{rows - distinct} of {rows} scores are doubled")
        require(rows == last, f"{last - rows} of {last} events have no score")
        require(outcomes == known, f"{outcomes - known} outcomes are doubled")
        return f"{rows} events, {rows} rows, none doubled; {outcomes} outcomes"

    def parts_end_when_asked(self) -> str:
        parts = self.parts()
        self.run("stop", *parts)
        found = self.containers()
        for part in parts:
            require(found[part]["State"] == "exited", f"{part} is {found[part]['State']}")
            require(found[part]["ExitCode"] == 0, f"{part} ended with {found[part]['ExitCode']}")
        return f"{', '.join(parts)} drain and end with exit code 0"

    def a_second_start_goes_on(self) -> str:
        before = self.rows()
        self.run("up", "--detach", "--pull", "never", "--no-build", *self.services)

        def further() -> int:
            now = self.rows()
            require(now > before, "no row after the second start")
            return now

        return f"a second start goes on: {before} rows, then {eventually(further)}"


def main() -> None:
    judge = Judge(sys.argv[1], sys.argv[2], sys.argv[3:])
    has = lambda service: service in judge.services
    questions = [
        (True, judge.everything_is_up),
        (True, judge.rows_grow),
        (True, judge.the_api_asks_for_its_token),
        (has("prometheus"), judge.targets_are_up),
        (has("alertmanager"), judge.alarms_have_a_way_out),
        (has("mlflow"), judge.mlflow_shows_the_champion),
        (has("superset"), judge.superset_has_the_dashboards),
        (has("superset"), judge.the_dashboards_read_the_warehouse),
        (True, judge.nothing_is_missing_or_doubled),
        (True, judge.parts_end_when_asked),
        (True, judge.a_second_start_goes_on),
        (True, judge.rows_grow),
        (True, judge.nothing_is_missing_or_doubled),
    ]
    started = time.monotonic()
    for asked, question in questions:
        if not asked:
            continue
        try:
            said = eventually(question)
        except NotSo as fault:
            print(judge.run("ps", "--all"), judge.run("logs", "--tail", "30"), sep="\n", file=sys.stderr)
            raise SystemExit(f"{question.__name__.replace('_', ' ')}: {fault}") from fault
        print(f"{time.monotonic() - started:6.1f} s  {said}", flush=True)


main()
