#!/usr/bin/env python3
"""bench-scaling.py PROGRAM [EVENTS]: events a second and CPU seconds a million, of each part, against partitions and instances.

Runs the parts as processes on the test servers' Kafka (`make test-servers`) and on a Postgres of its own that waits for its disk. Each part
works alone through what the one before has left, from a group of its own; a figure counts from a tenth of the events to their end. Prints
the table of docs/scaling.md. On a machine that does anything else meanwhile the figures mean little.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
# Partitions, and for each the numbers of instances.
SWEEP = [(1, [1]), (4, [1, 2]), (12, [1, 2])]
TICK = os.sysconf("SC_CLK_TCK")
PATIENCE = 120


def cpu_of(pid: int) -> float:
    """Seconds of CPU that a process and its children took."""
    total = 0.0
    for task in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = task.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if pid in (int(task.parent.name), int(fields[1])):
            total += (int(fields[11]) + int(fields[12])) / TICK
    return total


class Postgres:
    """A server that waits for its disk."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.bin = subprocess.check_output([ROOT / "scripts/find-postgres.sh"], text=True).strip()
        self.data = folder / "postgres"
        self.user = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"] if os.getuid() == 0 else []
        if self.user:
            folder.chmod(0o755)
            self.data.mkdir()
            shutil.chown(self.data, "postgres")
        self.run("initdb", "-U", "churn", "-A", "trust", "-E", "UTF8", "--locale=C")
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.write("unix_socket_directories = ''\nport = 25439\nmax_wal_size = 4GB\n")
        self.run("pg_ctl", "-w", "-l", self.data / "log", "start")
        self.url = "postgres://churn@127.0.0.1:25439/postgres"

    def run(self, program: str, *arguments) -> None:
        subprocess.run([*self.user, f"{self.bin}/{program}", "-D", self.data, *arguments], check=True, cwd="/", stdout=subprocess.DEVNULL)

    def query(self, sql: str) -> None:
        subprocess.run([f"{self.bin}/psql", "-q", self.url, "-c", sql], check=True)

    def pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().splitlines()[0])


class Part:
    """A part as a process."""

    def __init__(self, program: str, part: str, env: dict, number: int = 0) -> None:
        self.stage, self.port = part, 25440 + number
        env = env | {"CHURN__HTTP__LISTEN": f"127.0.0.1:{self.port}", "CHURN__SCORER__TRANSACTIONAL_ID": f"{env['CHURN__SCORER__GROUP']}-{number}"}
        self.process = subprocess.Popen([program, "run", part], env=env, stderr=subprocess.DEVNULL)

    def durable(self) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v1/status", timeout=2) as answer:
                stages = json.loads(answer.read())["stages"]
        except OSError:
            if self.process.poll() is not None:
                raise SystemExit(f"the {self.stage} ended by itself") from None
            return 0
        return sum(stage["durable"] for stage in stages if stage["stage"] == self.stage)

    def end(self) -> None:
        self.process.terminate()
        self.process.wait()


def measure(program: str, part: str, env: dict, instances: int, events: int, postgres: Postgres | None = None) -> dict:
    """How fast so many instances get through the events."""
    if part != "synthesizer":
        env = env | {f"CHURN__{part.upper()}__GROUP": f"{part}-{time.monotonic_ns()}"}
    parts = [Part(program, part, env, number) for number in range(instances)]
    cpu = lambda: sum(cpu_of(one.process.pid) for one in parts)
    server = lambda: cpu_of(postgres.pid()) if postgres else 0.0
    start = None
    until = time.monotonic() + PATIENCE
    while (durable := sum(one.durable() for one in parts)) < events:
        if start is None and durable >= events // 10:
            start = (time.monotonic(), durable, cpu(), server())
        if time.monotonic() > until:
            raise SystemExit(f"{part}: {durable} of {events} after {PATIENCE} s")
        time.sleep(0.02)
    at, before, used, served = start or (time.monotonic(), 0, 0.0, 0.0)
    done = durable - before
    figures = {
        "rate": done / (time.monotonic() - at),
        "cpu": (cpu() - used) / done * 1e6,
        "server": (server() - served) / done * 1e6,
    }
    for one in parts:
        one.end()
    return figures


def main() -> None:
    """The sweep."""
    program = os.path.abspath(sys.argv[1])
    events = int(sys.argv[2]) if len(sys.argv) > 2 else 300_000
    servers = json.loads((ROOT / ".tools/run/servers.json").read_text())
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        postgres = Postgres(folder)
        try:
            print("| part | partitions | instances | events/s | CPU s a million | Postgres CPU s a million |\n|---|---|---|---|---|---|")
            for partitions, counts in SWEEP:
                env = {"PATH": os.environ["PATH"], "CHURN__LOG__LEVEL": "warn"} | {
                    f"CHURN__{key}": value
                    for key, value in {
                        "KAFKA__BROKERS": servers["kafka"]["bootstrap"],
                        "KAFKA__PARTITIONS": str(partitions),
                        "KAFKA__TOPIC_PREFIX": f"scaling-{partitions}-{time.monotonic_ns()}-",
                        "SCHEMA_REGISTRY__URL": servers["schema_registry"]["url"],
                        "POSTGRES__URL": postgres.url,
                        "REGISTRY__PATH": str(folder / "registry"),
                        "SYNTHESIZER__RATE": "max",
                        # Scores only: an outcome is a sixth of one.
                        "SYNTHESIZER__OUTCOME_DELAY": "1h",
                        "SCORER__GROUP": "scorer",
                    }.items()
                }
                subprocess.run([program, "setup"], env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                said = measure(program, "synthesizer", env, 1, events)
                print(f"| synthesizer | {partitions} | 1 | {said['rate']:,.0f} | {said['cpu']:.1f} | |", flush=True)
                for part, needs in (("scorer", None), ("sink", postgres)):
                    for instances in counts:
                        postgres.query("truncate churn.scored_event, churn.outcome, churn.consumer_offset")
                        said = measure(program, part, env, instances, events, needs)
                        server = f"{said['server']:.1f}" if needs else ""
                        print(f"| {part} | {partitions} | {instances} | {said['rate']:,.0f} | {said['cpu']:.1f} | {server} |", flush=True)
        finally:
            postgres.run("pg_ctl", "-m", "immediate", "stop")


main()
