#!/usr/bin/env python3
"""bench-scaling.py PROGRAM [EVENTS]: events a second and CPU seconds a million, of each part, against partitions and instances.

Runs the parts as processes on the test servers' Kafka (`make test-servers`), which keeps its data in memory, and on a Postgres of its own
that waits for its disk. Each part works alone through what the one before has left, from a group of its own; a figure counts from a tenth
of the events, when every instance has done some, to their end. Prints the table of docs/scaling.md: some five minutes for the 500,000
events that it takes without EVENTS. On a machine that does anything else meanwhile the figures mean little.
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
    """Seconds of CPU that a process and its children took, those that have ended among them."""
    total = 0
    for task in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = task.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(task.parent.name) == pid:
            total += sum(map(int, fields[11:15]))
        elif int(fields[1]) == pid:
            total += sum(map(int, fields[11:13]))
    return total / TICK


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
        # The client may be elsewhere than the server's programs.
        subprocess.run([shutil.which("psql") or f"{self.bin}/psql", "-q", self.url, "-c", sql], check=True)

    def pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().splitlines()[0])


class Part:
    """A part as a process."""

    def __init__(self, program: str, part: str, env: dict, number: int = 0) -> None:
        self.stage, self.port = part, 25440 + number
        env = env | {"CHURN__HTTP__LISTEN": f"127.0.0.1:{self.port}", "CHURN__SCORER__TRANSACTIONAL_ID": f"{env['CHURN__SCORER__GROUP']}-{number}"}
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([program, "run", part], env=env, stderr=self.log)

    def durable(self) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v1/status", timeout=2) as answer:
                stages = json.loads(answer.read())["stages"]
        except OSError:
            if self.process.poll() is not None:
                self.log.seek(0)
                raise SystemExit(f"the {self.stage} ended by itself: {self.log.read()}") from None
            return 0
        return sum(stage["durable"] for stage in stages if stage["stage"] == self.stage)

    def end(self) -> None:
        self.process.terminate()
        self.process.wait()


def measure(program: str, part: str, env: dict, instances: int, events: int, servers: dict[str, int]) -> dict[str, float]:
    """How fast so many instances get through the events, and what they and the servers (by name, with their ids) spend on a million."""
    if part != "synthesizer":
        env = env | {f"CHURN__{part.upper()}__GROUP": f"{part}-{time.monotonic_ns()}"}
    parts = [Part(program, part, env, number) for number in range(instances)]
    pids = {part: [one.process.pid for one in parts]} | {name: [pid] for name, pid in servers.items()}
    spent = lambda: {name: sum(map(cpu_of, them)) for name, them in pids.items()}
    try:
        start = all_at_work = None
        until = time.monotonic() + PATIENCE
        while sum(done := [one.durable() for one in parts]) < events:
            if all_at_work is None and sum(done) >= events // 10 and (start is None or min(done) > 0):
                start = (time.monotonic(), sum(done), spent())
                all_at_work = start if min(done) > 0 else None
            if time.monotonic() > until:
                raise SystemExit(f"{part}: {sum(done)} of {events} after {PATIENCE} s")
            time.sleep(0.02)
        now, used = time.monotonic(), spent()
        if start is None:
            raise SystemExit(f"{part}: {events} events are too few")
        if all_at_work is None:
            # The others were still joining: a line that says nothing of them, and the sweep goes on.
            print(f"{part}: not all of {instances} instances got to work before the events were done", file=sys.stderr)
        at, before, served = start
        worked = sum(done) - before
        return {"rate": worked / (now - at)} | {name: (used[name] - served[name]) / worked * 1e6 for name in used}
    finally:
        for one in parts:
            one.end()


def environment(folder: pathlib.Path, servers: dict, postgres: Postgres, partitions: int) -> dict[str, str]:
    """Of a platform of its own with so many partitions."""
    keys = {
        "KAFKA__BROKERS": servers["kafka"]["bootstrap"],
        "KAFKA__PARTITIONS": str(partitions),
        "KAFKA__REPLICATION": "1",
        "KAFKA__TOPIC_PREFIX": f"scaling-{partitions}-{time.monotonic_ns()}-",
        "SCHEMA_REGISTRY__URL": servers["schema_registry"]["url"],
        "POSTGRES__URL": postgres.url,
        "REGISTRY__PATH": str(folder / "registry"),
        "SYNTHESIZER__RATE": "max",
        # Scores only: an outcome is a sixth of one.
        "SYNTHESIZER__OUTCOME_DELAY": "1h",
        # An instance is one connection: a second lane costs and does what a second instance of one lane does.
        "SINK__LANES": "1",
        "SCORER__GROUP": "scorer",
        "LOG__LEVEL": "warn",
    }
    return {"PATH": os.environ["PATH"]} | {f"CHURN__{key}": value for key, value in keys.items()}


def sweep(program: str, folder: pathlib.Path, servers: dict, postgres: Postgres, events: int) -> None:
    """Prints a line for each part, number of partitions and number of instances."""
    kafka = int((ROOT / ".tools/run/kafka/pid").read_text())
    print("| part | partitions | instances | events/s | CPU s a million | Kafka's | Postgres' |\n|---|---|---|---|---|---|---|")
    for partitions, counts in SWEEP:
        env = environment(folder, servers, postgres, partitions)
        subprocess.run([program, "setup"], env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # One scorer's scores are all that sinks and monitor meet: those of a second would be the same rows again.
        first = [("synthesizer", 1), ("scorer", 1), *(("sink", count) for count in counts), ("monitor", 1)]
        for part, instances in [*first, *(("scorer", count) for count in counts if count > 1)]:
            postgres.query("truncate churn.scored_event, churn.outcome, churn.consumer_offset, churn.monitor_state")
            said = measure(program, part, env, instances, events, {"kafka": kafka, "postgres": postgres.pid()})
            cost = f"{said[part]:.1f} | {said['kafka']:.1f} | {said['postgres']:.1f}"
            print(f"| {part} | {partitions} | {instances} | {said['rate']:,.0f} | {cost} |", flush=True)


def main() -> None:
    """The sweep, on a database that goes with it."""
    program = os.path.abspath(sys.argv[1])
    events = int(sys.argv[2]) if len(sys.argv) > 2 else 500_000
    servers = json.loads((ROOT / ".tools/run/servers.json").read_text())
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        postgres = Postgres(pathlib.Path(name))
        try:
            sweep(program, pathlib.Path(name), servers, postgres, events)
        finally:
            postgres.run("pg_ctl", "-m", "immediate", "stop")
    version = subprocess.check_output([program, "--version"], text=True).strip()
    print(f"\n{version}, {os.cpu_count()} cores, {events:,} events, {time.monotonic() - started:.0f} s in all")


main()
