"""Proves that each data test is able to fail: breaks what it guards, one row at a time, and asks the test's own SQL.

Each mutation runs in a transaction that is rolled back. A test for which no mutation is known, one that fails before its mutation,
and one that does not fail after it, end the check.
"""

import sys

from common import Warehouse
from mutations_by_hand import BY_HAND, EXAMPLES

NOWHERE = {"integer": "19000101", "uuid": "'00000000-0000-0000-0000-000000000000'"}


class Target:
    """A column that a generic test guards. A view stands aside for a table with its rows, which can be broken."""

    def __init__(self, warehouse, node, column):
        self.table, self.column = f'{node["schema"]}.{node["alias"]}', column
        self.warehouse = warehouse
        self.aside = [
            f"create temporary table shown on commit drop as select * from {self.table}",
            f"alter view {self.table} rename to {node['alias']}_aside",
            f"create table {self.table} as select * from shown",
        ] if self.is_view() else []

    def is_view(self):
        return self.warehouse.one("select relkind = 'v' from pg_class where oid = %s::regclass", (self.table,))[0]

    def kind(self):
        return self.warehouse.one(
            "select format_type(atttypid, atttypmod) from pg_attribute where attrelid = %s::regclass and attname = %s",
            (self.table, self.column))[0]

    def without_rules(self):
        """Statements that take away whatever in the database itself would refuse the mutation."""
        constraints = self.warehouse.all("select conname from pg_constraint where conrelid = %s::regclass", (self.table,))
        indexes = self.warehouse.all(
            "select indexrelid::regclass::text from pg_index where indrelid = %s::regclass and indisunique and not exists"
            " (select from pg_constraint where conindid = indexrelid)", (self.table,))
        return [
            *(f"alter table {self.table} drop constraint {name}" for (name,) in constraints),
            *(f"drop index {name}" for (name,) in indexes),
        ]

    def set_one(self, value):
        """One row gets the value."""
        return [
            *self.aside,
            *self.without_rules(),
            f"alter table {self.table} alter column {self.column} drop not null",
            f"update {self.table} set {self.column} = {value} where ctid = (select min(ctid) from {self.table} where {self.column} is not null)",
        ]

    def double_one(self):
        return [*self.aside, *self.without_rules(), f"insert into {self.table} select * from {self.table} where {self.column} is not null limit 1"]


def mutations(warehouse, test, manifest):
    """Lists of statements, each of which alone must make the test fail."""
    if test["name"] in BY_HAND:
        return BY_HAND[test["name"]]
    generic = test.get("test_metadata")
    if generic is None:
        sys.exit(f"no mutation is known for {test['name']}: add one to BY_HAND in dbt/check/mutations_by_hand.py")
    node = manifest["nodes"][test["attached_node"]]
    target = Target(warehouse, node, test["column_name"])
    arguments = generic["kwargs"]
    if generic["name"] == "not_null":
        return [target.set_one("null")]
    if generic["name"] == "unique":
        return [target.double_one()]
    if generic["name"] == "relationships":
        return [target.set_one(NOWHERE[target.kind()])]
    if generic["name"] == "accepted_values":
        return [target.set_one("'nonsense'")]
    if generic["name"] == "within":
        return [target.set_one(f"{arguments[side]} {step} 1") for side, step in (("minimum", "-"), ("maximum", "+")) if side in arguments]
    sys.exit(f"no mutation is known for tests like {generic['name']}: add it to dbt/check/mutations.py")


def failures(warehouse, test):
    """What dbt itself would count: rows that the test's SQL returns."""
    return warehouse.one(f"select {test['config']['fail_calc']} from ({test['compiled_code']}) as failing")[0] or 0


def prove(warehouse, test, manifest):
    """Why the test cannot be trusted; nothing where it can."""
    if failures(warehouse, test) != 0:
        return "fails before any mutation"
    for statements in mutations(warehouse, test, manifest):
        warehouse.run("begin")
        try:
            for statement in statements:
                warehouse.run(statement)
            found = failures(warehouse, test)
        finally:
            warehouse.run("rollback")
        if found == 0:
            return f"does not fail after: {statements[-1]}"
    return None


def prove_all(warehouse):
    """On a warehouse that is built and has rows in every table."""
    warehouse.dbt("compile", "--vars", "settling: 0 seconds")
    manifest = warehouse.artifact("manifest.json")
    tests = sorted((n for n in manifest["nodes"].values() if n["resource_type"] == "test"), key=lambda n: n["name"])
    refuted = {test["name"]: why for test in tests if (why := prove(warehouse, test, manifest))}
    for name, why in refuted.items():
        print(f"not proved: {name}: {why}", file=sys.stderr)
    if refuted or not tests:
        sys.exit(f"{len(tests) - len(refuted)} of {len(tests)} data tests proved able to fail")
    print(f"ok: {len(tests)} of {len(tests)} data tests proved able to fail", flush=True)


def main(server):
    with Warehouse(server, "mutations") as warehouse:
        warehouse.fill(0, 2000)
        for statement in EXAMPLES:
            warehouse.run(statement)
        warehouse.dbt("build", "--vars", "settling: 0 seconds")
        prove_all(warehouse)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1].rstrip("/"))
