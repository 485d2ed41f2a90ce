"""Builds the warehouse through the life of a stream on a fresh database, and compares each increment with a full refresh.

Usage: scenarios.py postgres://user:password@host:port   (a superuser; the database is made and dropped)
"""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2

ROOT = Path(__file__).resolve().parents[2]
DATABASE = f"warehouse_check_{os.getpid()}"
# Bookkeeping times (dbt's snapshots, ingestion_mark) differ between runs by nature.
COMPARED = ("warehouse", "warehouse_intermediate")
SETTLED = ["--vars", "settling: 0 seconds"]


def connect(server, database):
    connection = psycopg2.connect(f"{server}/{database}")
    connection.autocommit = True
    return connection


def dbt(environment, *arguments, fails_with=None):
    done = subprocess.run(
        [Path(sys.executable).parent / "dbt", *arguments, "--profiles-dir", ".", "--quiet"],
        cwd=ROOT / "dbt", env=environment, capture_output=True, text=True,
    )
    said = done.stdout + done.stderr
    if fails_with is None and done.returncode != 0:
        sys.exit(f"dbt {' '.join(arguments)} failed:\n{said}")
    if fails_with is not None and (done.returncode == 0 or fails_with not in said):
        sys.exit(f"dbt {' '.join(arguments)} should have failed and said {fails_with!r}; it said:\n{said}")


def one(cursor, query):
    cursor.execute(query)
    return cursor.fetchone()


def expect(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: found {found}, expected {wanted}")
    print(f"ok: {what}")


def fill(cursor, first, rows):
    text = (ROOT / "dbt/check/fill.sql").read_text()
    cursor.execute(text.replace(":first", str(first)).replace(":rows", str(rows)))


def event(cursor, customer, day, contract, sequence, outcome=False):
    """One scored event of a customer, on a day of September, and its outcome if asked."""
    cursor.execute(
        """insert into churn.scored_event (score_id, stream, sequence, customer_id, event_time, contract, monthly_charges,
               probability, label, threshold, model_version, model_hash, scored_at, event_schema_id, source_partition, source_offset)
           values (md5(%(sequence)s::text)::uuid, 'hand', %(sequence)s, %(customer)s, '2026-09-01'::date + %(day)s, %(contract)s, 50,
               0.5, true, 0.3, '1', 'h', now(), 1, 0, %(sequence)s)""",
        {"customer": customer, "day": day, "contract": contract, "sequence": sequence},
    )
    if outcome:
        known(cursor, customer, day, sequence)


def known(cursor, customer, day, sequence):
    cursor.execute(
        """insert into churn.outcome (score_id, stream, sequence, customer_id, event_time, churned, observed_at)
           values (md5(%s::text)::uuid, 'hand', %s, %s, '2026-09-01'::date + %s, true, now())""",
        (sequence, sequence, customer, day),
    )


def rows(cursor):
    """A digest of every row of every table that is compared, by table."""
    cursor.execute("select table_schema || '.' || table_name from information_schema.tables where table_schema = any(%s) and table_name <> 'ingestion_mark'", (list(COMPARED),))
    digests = {}
    for (table,) in cursor.fetchall():
        digests[table] = one(cursor, f"select count(*), md5(coalesce(string_agg(line, '' order by line), '')) from (select t::text as line from {table} t) l")
    return digests


def versions(cursor, customer):
    cursor.execute(
        """select d.contract from warehouse.dim_customer c join warehouse.dim_contract d using (contract_key)
           where customer_id = %s order by version_number""", (customer,))
    return [contract for (contract,) in cursor.fetchall()]


def facts_agree(cursor, customer):
    """Each fact's version has the contract that the event itself showed."""
    return one(cursor, f"""select count(*) from warehouse.fct_churn f join warehouse.dim_customer c using (customer_key)
        where f.customer_id = '{customer}' and f.contract_key <> c.contract_key""")[0] == 0


def life(cursor, environment):
    dbt(environment, "build", *SETTLED)
    expect("an empty database builds an empty warehouse", one(cursor, "select count(*) from warehouse.fct_churn"), (0,))
    fill(cursor, 0, 5000)
    event(cursor, "twice", 1, "Month-to-month", 1)
    event(cursor, "twice", 20, "Two year", 3)
    event(cursor, "returns", 1, "One year", 11)
    event(cursor, "returns", 2, "Two year", 12)
    event(cursor, "returns", 3, "One year", 13)
    known(cursor, "nobody", 5, 99)
    dbt(environment, "build", *SETTLED)
    expect("every score is a fact, an outcome without a score is none",
           one(cursor, "select count(*) from warehouse.fct_churn"), one(cursor, "select count(*) from churn.scored_event"))
    expect("a customer that changes and changes back has three versions", versions(cursor, "returns"), ["One year", "Two year", "One year"])
    fill(cursor, 5000, 2000)
    event(cursor, "twice", 10, "One year", 2)
    event(cursor, "nobody", 5, "One year", 99)
    known(cursor, "twice", 1, 1)
    dbt(environment, "build", *SETTLED)
    expect("a middle event that arrives last makes three versions", versions(cursor, "twice"), ["Month-to-month", "One year", "Two year"])
    expect("facts join the version of their time", facts_agree(cursor, "twice") and facts_agree(cursor, "returns"), True)
    expect("a late outcome, and one that came before its score, are attached",
           one(cursor, "select count(*) from warehouse.fct_churn where stream = 'hand' and is_churned"), (2,))
    grown = rows(cursor)
    dbt(environment, "build", "--full-refresh", *SETTLED)
    refreshed = rows(cursor)
    for table, digest in sorted(refreshed.items()):
        expect(f"{table} equals its full refresh ({digest[0]} rows)", grown[table], digest)


def bad_sources(cursor, environment):
    cursor.execute("delete from churn.scored_event where sequence < 100 and stream = 'bench'")
    dbt(environment, "build", *SETTLED)
    expect("pruned scores stay in the warehouse", one(cursor, "select count(*) from warehouse.fct_churn where stream = 'bench' and sequence < 100"), (100,))
    dbt(environment, "build", "--full-refresh", fails_with="would forget 100 scores")
    print("ok: a full refresh that would forget pruned scores is refused")
    cursor.execute("alter table churn.scored_event drop constraint scored_event_pkey")
    cursor.execute("insert into churn.scored_event select * from churn.scored_event where customer_id = 'twice'")
    dbt(environment, "build", *SETTLED, fails_with="assert_source_has_no_doubled_score")
    expect("doubled ids fail a test and are one fact", one(cursor, "select count(*) from warehouse.fct_churn where customer_id = 'twice'"), (3,))
    failed = one(cursor, "select tests_failed, broken from churn.warehouse_run order by finished_at desc limit 1")
    expect("the failed test is in churn.warehouse_run", failed, (1, ["assert_source_has_no_doubled_score"]))
    cursor.execute("alter table churn.scored_event rename column payment_method to paid_by")
    dbt(environment, "build", fails_with="lacks column payment_method of churn.scored_event")
    print("ok: a missing column is named")


def main(server):
    parts = urlsplit(server)
    environment = os.environ | {
        "PGHOST": parts.hostname, "PGPORT": str(parts.port), "PGUSER": parts.username, "PGPASSWORD": parts.password or "",
        "PGDATABASE": DATABASE, "CHURN_ANALYST_ROLE": f"analyst_{os.getpid()}", "CHURN_WAREHOUSE_SCHEMA": "warehouse",
    }
    admin = connect(server, "postgres").cursor()
    admin.execute(f"create database {DATABASE} template template0")
    try:
        cursor = connect(server, DATABASE).cursor()
        cursor.execute("create schema churn")
        for migration in sorted((ROOT / "crates/store/migrations").glob("*.sql")):
            cursor.execute(migration.read_text())
        life(cursor, environment)
        cursor.execute(f"set role analyst_{os.getpid()}")
        cursor.execute("select count(*) from warehouse.campaign_list")
        expect("analysts may read reports and not the source",
               one(cursor, "select has_schema_privilege('churn', 'usage')"), (False,))
        cursor.execute("reset role")
        bad_sources(cursor, environment)
    finally:
        admin.execute(f"drop database if exists {DATABASE} with (force)")
        admin.execute(f"drop role if exists analyst_{os.getpid()}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1].rstrip("/"))
