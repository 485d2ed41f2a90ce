"""Builds the warehouse through the life of a stream on a fresh database, and compares each increment with a full refresh.

Usage: scenarios.py postgres://user:password@host:port [life|mutations]   (a superuser; databases are made and dropped)
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import charts
import mutations
from common import ROOT, Warehouse, connect, expect, rows_by_table

SETTLED = ["--vars", "settling: 0 seconds"]
NEWEST_RUN = "select tests_failed, broken from churn.warehouse_run order by finished_at desc limit 1"
SCORE = """insert into churn.scored_event (score_id, stream, sequence, customer_id, event_time, contract, monthly_charges, probability,
    label, threshold, model_version, model_hash, scored_at, event_schema_id, source_partition, source_offset)
    values (md5(%(sequence)s::text)::uuid, 'hand', %(sequence)s, %(customer)s, '2026-09-01'::date + %(day)s, %(contract)s, 50,
        0.5, true, 0.3, '1', 'h', now(), 1, 0, %(sequence)s)"""
OUTCOME = """insert into churn.outcome (score_id, stream, sequence, customer_id, event_time, churned, observed_at)
    values (md5(%(sequence)s::text)::uuid, 'hand', %(sequence)s, %(customer)s, '2026-09-01'::date + %(day)s, true, now())"""


def event(warehouse, customer, day, contract, sequence):
    """One scored event of a customer, on a day of September."""
    warehouse.run(SCORE, {"customer": customer, "day": day, "contract": contract, "sequence": sequence})


def outcome(warehouse, customer, day, sequence):
    warehouse.run(OUTCOME, {"customer": customer, "day": day, "sequence": sequence})


def versions(warehouse, customer):
    return [contract for (contract,) in warehouse.all(
        """select d.contract from warehouse.dim_customer c join warehouse.dim_contract d using (contract_key)
           where customer_id = %s order by version_number""", (customer,))]


def facts_agree(warehouse, customer):
    """Each fact's version has the contract that the event itself showed."""
    return warehouse.one("""select count(*) from warehouse.fct_churn f join warehouse.dim_customer c using (customer_key)
        where f.customer_id = %s and f.contract_key <> c.contract_key""", (customer,))[0] == 0


def facts(warehouse, condition):
    return warehouse.one(f"select count(*) from warehouse.fct_churn where {condition}")[0]


def empty_then_filled(warehouse):
    warehouse.dbt("build", *SETTLED)
    expect("an empty database builds an empty warehouse", facts(warehouse, "true"), 0)
    warehouse.fill(0, 4000)
    event(warehouse, "twice", 1, "Month-to-month", 1)
    event(warehouse, "twice", 20, "Two year", 3)
    event(warehouse, "returns", 1, "One year", 11)
    event(warehouse, "returns", 2, "Two year", 12)
    event(warehouse, "returns", 3, "One year", 13)
    outcome(warehouse, "nobody", 5, 99)
    for statement in mutations.EXAMPLES:
        warehouse.run(statement)


def first_increment(warehouse):
    """While it runs, a sink's transaction is open that began before it and commits after it."""
    late = connect(warehouse.server, warehouse.database)
    late.autocommit = False
    cursor = late.cursor()
    cursor.execute(SCORE, {"customer": "held open", "day": 2, "contract": "One year", "sequence": 50})
    warehouse.fill(4000, 500)
    warehouse.dbt("build", *SETTLED)
    expect("every score is a fact, an outcome without a score is none",
           (facts(warehouse, "true"),), warehouse.one("select count(*) from churn.scored_event"))
    expect("a customer that changes and changes back has three versions", versions(warehouse, "returns"), ["One year", "Two year", "One year"])
    late.commit()
    late.close()


def second_increment(warehouse):
    warehouse.fill(4500, 2000)
    event(warehouse, "twice", 10, "One year", 2)
    event(warehouse, "nobody", 5, "One year", 99)
    outcome(warehouse, "twice", 1, 1)
    warehouse.dbt("build", *SETTLED)
    expect("a transaction held open across a build is taken up by the next", facts(warehouse, "customer_id = 'held open'"), 1)
    expect("a middle event that arrives last makes three versions", versions(warehouse, "twice"), ["Month-to-month", "One year", "Two year"])
    expect("facts join the version of their time", facts_agree(warehouse, "twice") and facts_agree(warehouse, "returns"), True)
    expect("a late outcome, and one that came before its score, are attached", facts(warehouse, "stream = 'hand' and is_churned"), 2)


def full_refresh(warehouse):
    grown = rows_by_table(warehouse)
    warehouse.dbt("build", "--full-refresh", *SETTLED)
    refreshed = rows_by_table(warehouse)
    for table, digest in sorted(refreshed.items()):
        expect(f"{table} equals its full refresh ({digest[0]} rows)", grown[table], digest)


def analysts(warehouse):
    warehouse.run(f"set role {warehouse.analysts}")
    warehouse.run("select count(*) from warehouse.campaign_list")
    expect("analysts may read reports and not the source", warehouse.one("select has_schema_privilege('churn', 'usage')"), (False,))
    charts.run_all(warehouse)
    warehouse.run("reset role")


def plain_builder(warehouse):
    """A role with the rights that docs/warehouse.md names and no others: it may not see other sessions' transactions."""
    builder = f"builder_{warehouse.database}"
    warehouse.run(f"create role {builder} login password 'builder'")
    try:
        for right in ("create on database " + warehouse.database, "usage on schema churn", "select on all tables in schema churn",
                      "insert on churn.warehouse_run"):
            warehouse.run(f"grant {right} to {builder}")
        for schema in warehouse.schemas():
            warehouse.run(f"alter schema {schema} owner to {builder}")
            for (relation,) in warehouse.all(
                    "select oid::regclass::text from pg_class where relnamespace = %s::regnamespace and relkind in ('r', 'v')", (schema,)):
                warehouse.run(f"alter table {relation} owner to {builder}")
        warehouse.fill(6500, 100)
        warehouse.dbt("build", *SETTLED, PGUSER=builder, PGPASSWORD="builder")
        expect("a builder without pg_read_all_stats takes up what arrived",
               (facts(warehouse, "true"),), warehouse.one("select count(*) from churn.scored_event"))
        behind = "select clock_timestamp() - complete_before > interval '59 minutes' from warehouse_intermediate.ingestion_mark where model in ('int_scored_event', 'fct_churn')"
        expect("and keeps its marks an hour behind", set(warehouse.all(behind)), {(True,)})
    finally:
        warehouse.run(f"reassign owned by {builder} to current_user")
        warehouse.run(f"drop owned by {builder}")
        warehouse.run(f"drop role {builder}")


def bad_sources(warehouse):
    warehouse.run("delete from churn.scored_event where sequence < 100 and stream = 'bench'")
    warehouse.dbt("build", *SETTLED)
    expect("pruned scores stay in the warehouse", facts(warehouse, "stream = 'bench' and sequence < 100"), 100)
    warehouse.dbt("build", "--full-refresh", fails_with="would forget 100 scores")
    print("ok: a full refresh that would forget pruned scores is refused")
    warehouse.run("alter table churn.scored_event drop constraint scored_event_pkey")
    warehouse.run("insert into churn.scored_event select * from churn.scored_event where customer_id = 'twice'")
    warehouse.dbt("build", *SETTLED, fails_with="assert_source_has_no_doubled_score")
    expect("doubled ids fail a test and are one fact", facts(warehouse, "customer_id = 'twice'"), 3)
    expect("the failed test is in churn.warehouse_run", warehouse.one(NEWEST_RUN), (1, ["assert_source_has_no_doubled_score"]))
    warehouse.run("alter table churn.scored_event rename column payment_method to paid_by")
    warehouse.dbt("build", fails_with="lacks column payment_method of churn.scored_event")
    print("ok: a missing column is named")


def late_schema(server):
    """dbt comes first, the tables later."""
    with Warehouse(server, "late", with_source=False) as warehouse:
        warehouse.dbt("build", fails_with="run `churn setup` on it, then this again")
        print("ok: a database without the source's schema is told the way out")
        warehouse.make_source()
        warehouse.dbt("run", *SETTLED)
        expect("and is built once it has it", facts(warehouse, "true"), 0)


def running_demo(server):
    """`make warehouse` without an address: a demo's folder, as crates/store makes it, leads to its server."""
    parts = urlsplit(server)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "churnstream-postgres-check"
        (folder / "data").mkdir(parents=True)
        (folder / "password").write_text(parts.password)
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "CHURN__"))} | {"TMPDIR": place}
        for process, says in ((os.getpid(), "database postgres lacks"), (2**22 + 1, "no database is named, and no demo runs")):
            (folder / "data/postmaster.pid").write_text(f"{process}\n/data\n0\n{parts.port}\n\n127.0.0.1\n")
            done = subprocess.run([ROOT / "scripts/warehouse.sh"], env=environment, capture_output=True, text=True)
            expect(f"a demo {'that runs' if process == os.getpid() else 'that was killed'} is known by its folder", says in done.stdout + done.stderr, True)


def life(server):
    with Warehouse(server, "life") as warehouse:
        empty_then_filled(warehouse)
        first_increment(warehouse)
        second_increment(warehouse)
        full_refresh(warehouse)
        mutations.prove_all(warehouse)
        analysts(warehouse)
        plain_builder(warehouse)
        bad_sources(warehouse)
    late_schema(server)
    running_demo(server)


if __name__ == "__main__":
    checks = {"life": life, "mutations": mutations.main}
    if len(sys.argv) not in (2, 3) or sys.argv[2:] and sys.argv[2] not in checks:
        sys.exit(__doc__)
    checks[sys.argv[2] if sys.argv[2:] else "life"](sys.argv[1].rstrip("/"))
