"""A demo that a real Prometheus and Alertmanager watch with the shipped rules, all of it in one folder and gone afterwards."""

import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES = ROOT / "monitoring/prometheus/rules/*.yaml"
RATE = 5000


def ports(count):
    """So many ports that nobody listens at, from below those that systems give to connections by themselves."""
    free = []
    for port in random.sample(range(12_000, 20_000), 8_000):
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        free.append(port)
        if len(free) == count:
            return free
    sys.exit(f"fewer than {count} ports are free")


def wait_for(what, condition, seconds, alive=None):
    """The first true answer; ends the program where none comes in time, or where `alive` is no longer."""
    until = time.time() + seconds
    while time.time() < until:
        if answer := condition():
            return answer
        if alive is not None and alive.poll() is not None:
            sys.exit(f"{what}: the demo ended first, with {alive.returncode}")
        time.sleep(0.05)
    sys.exit(f"{what}: not within {seconds} s")


class Stack:
    """The programs. Scrape, evaluation and group_wait are a second each."""

    def __init__(self, folder, program):
        self.folder = pathlib.Path(folder)
        self.program = program
        self.hook, self.alertmanager, self.prometheus, self.demo_port = ports(4)
        self.receipts_file = self.folder / "receipts"
        self.running = []
        self.demo = None

    def start(self, command, log, **options):
        with (self.folder / log).open("w") as out:
            process = subprocess.Popen([str(part) for part in command], stdout=out, stderr=subprocess.STDOUT, **options)
        self.running.append(process)
        return process

    def up(self, arguments, postgres=None):
        """Starts everything; the demo with these arguments, and on this Postgres instead of one of its own."""
        self.configure()
        self.start([sys.executable, ROOT / "scripts/monitoring/receive.py", self.hook, 0, self.receipts_file], "receive.log")
        self.start(
            ["prometheus-alertmanager", f"--config.file={self.folder}/alertmanager.yml", f"--storage.path={self.folder}/am",
             "--cluster.listen-address=", f"--web.listen-address=127.0.0.1:{self.alertmanager}"], "alertmanager.log",
        )
        home = self.folder / "demo"
        home.mkdir()
        environment = {key: value for key, value in os.environ.items() if not key.startswith("CHURN__")}
        environment["CHURN__HTTP__LISTEN"] = f"127.0.0.1:{self.demo_port}"
        if postgres:
            environment["CHURN__POSTGRES__URL"] = postgres
            # A busy machine is not what is tested here.
            environment["CHURN__POSTGRES__CONNECT_TIMEOUT"] = "60s"
            # One model for the panels: one that was promoted a moment ago has nothing to show yet.
            environment["CHURN__MONITOR__RETRAIN_REQUESTS"] = "false"
        command = [self.program, "demo", "--rate", RATE, "--report", self.folder / "report.json", "--json", *arguments]
        self.demo = self.start(command, "demo.log", cwd=home, env=environment)
        # A part that is still starting is no part that is down.
        self.start(
            ["prometheus", f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/tsdb",
             f"--web.listen-address=127.0.0.1:{self.prometheus}"], "prometheus.log",
        )

    def configure(self):
        (self.folder / "prometheus.yml").write_text(f"""
global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}
rule_files: ["{RULES}"]
alerting: {{ alertmanagers: [{{ static_configs: [{{ targets: ["127.0.0.1:{self.alertmanager}"] }}] }}] }}
scrape_configs: [{{ job_name: churn, static_configs: [{{ targets: ["127.0.0.1:{self.demo_port}"] }}] }}]
""")
        (self.folder / "alertmanager.yml").write_text(f"""
route: {{ receiver: hook, group_by: [alertname], group_wait: 1s, group_interval: 1s, repeat_interval: 1h }}
receivers: [{{ name: hook, webhook_configs: [{{ url: "http://127.0.0.1:{self.hook}/" }}] }}]
""")

    def fired(self):
        """Names and labels of the alerts that reached the webhook, with the time of their first receipt."""
        lines = self.receipts_file.read_text(encoding="utf-8").splitlines() if self.receipts_file.exists() else []
        first = {}
        for receipt in map(json.loads, lines):
            for alert in receipt["body"]["alerts"]:
                if alert["status"] == "firing":
                    first.setdefault(json.dumps(alert["labels"], sort_keys=True), receipt["at"])
        return [(at, json.loads(labels)) for labels, at in first.items()]

    def ask(self, path, **arguments):
        """The data of an answer of Prometheus; none while it does not answer."""
        query = urllib.parse.urlencode(arguments, doseq=True)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.prometheus}/api/v1/{path}?{query}", timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            sys.exit(f"Prometheus refuses {arguments}: {error.read().decode()}")
        except OSError:
            return None

    def finish(self, seconds=90):
        """Ends the demo as a person would, and returns its report."""
        if self.demo.poll() is None:
            self.demo.send_signal(signal.SIGINT)
        try:
            status = self.demo.wait(seconds)
        except subprocess.TimeoutExpired:
            status = "no end"
        if status != 0:
            sys.exit(f"the demo failed ({status}): {(self.folder / 'demo.log').read_text()[-3000:]}")
        return json.loads((self.folder / "report.json").read_text(encoding="utf-8"))

    def down(self):
        for process in self.running:
            if process.poll() is None:
                process.terminate()
        for process in self.running:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
