"""A fresh database with the source's tables, on which the project is built; what the checks share."""

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2

ROOT = Path(__file__).resolve().parents[2]
# Bookkeeping of runs, which differs between runs by nature.
BOOKKEEPING = ("ingestion_mark",)
# Rows of one transaction of the sink, at most.
A_TRANSACTION = 10_000


def connect(server, database):
    connection = psycopg2.connect(f"{server}/{database}")
    connection.autocommit = True
    return connection


def settings(server, database, analysts, target):
    """The environment that dbt takes its connection from."""
    parts = urlsplit(server)
    return os.environ | {
        "PGHOST": parts.hostname, "PGPORT": str(parts.port), "PGUSER": parts.username, "PGPASSWORD": parts.password or "",
        "PGDATABASE": database, "CHURN_ANALYST_ROLE": analysts, "CHURN_WAREHOUSE_SCHEMA": "warehouse",
        # Apart from a build of `make warehouse` in the same folder.
        "DBT_TARGET_PATH": str(target),
    }


def make_source(cursor):
    """The source's schema, as `churn setup` makes it."""
    cursor.execute("create schema churn")
    for migration in sorted((ROOT / "crates/store/migrations").glob("*.sql")):
        cursor.execute(migration.read_text())


def fill(cursor, first, rows, a_month=1_000_000):
    """Scores `first` and after of a made-up stream, most of them with outcomes."""
    text = (ROOT / "dbt/check/fill.sql").read_text()
    cursor.execute(text.replace(":first", str(first)).replace(":rows", str(rows)).replace(":a_month", str(a_month)))


class Warehouse:
    """Makes the database `warehouse_NAME_PID`, and drops it and its analysts' role in the end."""

    def __init__(self, server, name, with_source=True):
        self.server = server
        self.with_source = with_source
        self.database = f"warehouse_{name}_{os.getpid()}"
        self.analysts = f"analyst_{name}_{os.getpid()}"
        self.target = ROOT / "dbt/target" / f"check-{name}"
        self.environment = settings(server, self.database, self.analysts, self.target)

    def __enter__(self):
        self.admin = connect(self.server, "postgres").cursor()
        self.admin.execute(f"create database {self.database} template template0")
        self.cursor = connect(self.server, self.database).cursor()
        if self.with_source:
            self.make_source()
        return self

    def make_source(self):
        make_source(self.cursor)

    def __exit__(self, *_):
        self.admin.execute(f"drop database if exists {self.database} with (force)")
        self.admin.execute(f"drop role if exists {self.analysts}")

    def run(self, statement, values=None):
        self.cursor.execute(statement, values)

    def one(self, query, values=None):
        self.run(query, values)
        return self.cursor.fetchone()

    def all(self, query, values=None):
        self.run(query, values)
        return self.cursor.fetchall()

    def fill(self, first, rows):
        """In transactions of at most 10,000 rows, as the sink does: a time of storage for each, from which the planner learns."""
        for start in range(first, first + rows, A_TRANSACTION):
            fill(self.cursor, start, min(A_TRANSACTION, first + rows - start))

    def artifact(self, name):
        """What the last dbt command wrote."""
        return json.loads((self.target / name).read_text())

    def schemas(self):
        return [schema for (schema,) in self.all("select nspname from pg_namespace where nspname like 'warehouse%' order by 1")]

    def tables(self):
        """Every table that the project makes and that a full refresh makes again; its views show the same."""
        return [f"{schema}.{name}" for schema, name in self.all(
            "select schemaname, tablename from pg_tables where schemaname in ('warehouse', 'warehouse_intermediate')"
            " and tablename <> all(%s) order by 1, 2", (list(BOOKKEEPING),))]

    def dbt(self, *arguments, fails_with=None, **environment):
        """Runs dbt; ends the check where it does not end as expected."""
        done = subprocess.run(
            [Path(sys.executable).parent / "dbt", *arguments, "--profiles-dir", ".", "--quiet"],
            cwd=ROOT / "dbt", env=self.environment | environment, capture_output=True, text=True,
        )
        said = done.stdout + done.stderr
        if fails_with is None and done.returncode != 0:
            sys.exit(f"dbt {' '.join(arguments)} failed:\n{said}")
        if fails_with is not None and (done.returncode == 0 or fails_with not in said):
            sys.exit(f"dbt {' '.join(arguments)} should have failed and said {fails_with!r}; it said:\n{said}")


def expect(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: found {found}, expected {wanted}")
    print(f"ok: {what}", flush=True)


def rows_by_table(warehouse):
    """A count and a digest of every row of every table, by table; apart from when the warehouse found what came late."""
    line = "(to_jsonb(t) - array['arrived_at', 'first_arrived_at', 'changed_at'])::text"
    digest = "select count(*), md5(coalesce(string_agg(line, '' order by line), '')) from (select " + line + " as line from {} t) as lines"
    return {table: warehouse.one(digest.format(table)) for table in warehouse.tables()}
