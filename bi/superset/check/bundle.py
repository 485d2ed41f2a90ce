"""Packs bi/superset/bundle for Superset's import, with a login that may read the warehouse's reports and nothing else.

Usage: bundle.py postgres://user:password@host:port/database bundle.zip
Needs a login that may make roles; makes `churn_bi`, with a new password each time, a member of the analysts' role. Where
CHURN_BI_PASSWORD is set, `churn_bi` is there already with that password, and the database is not asked.
"""

import os
import secrets
import sys
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
from psycopg2 import sql
import yaml

BUNDLE = Path(__file__).resolve().parents[1] / "bundle"
DATABASE = "databases/Warehouse.yaml"
READER = "churn_bi"


def make_reader(url):
    password = secrets.token_hex(16)
    analysts = os.environ.get("CHURN_ANALYST_ROLE", "churn_analyst")
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("select 1 from pg_roles where rolname = %s", (READER,))
        verb = "alter" if cursor.fetchone() else "create"
        cursor.execute(sql.SQL(verb + " role {} login password %s").format(sql.Identifier(READER)), (password,))
        cursor.execute(sql.SQL("grant {} to {}").format(sql.Identifier(analysts), sql.Identifier(READER)))
    return password


def main(url, target):
    parts = urlsplit(url)
    database = yaml.safe_load((BUNDLE / DATABASE).read_text())
    password = os.environ.get("CHURN_BI_PASSWORD") or make_reader(url)
    # The driver takes the address whole; Superset hides a password that it exports, and so does the file in the repository.
    database["sqlalchemy_uri"] = f"postgresql+psycopg2://{READER}:{password}@{parts.hostname}:{parts.port or 5432}{parts.path}"
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(BUNDLE.rglob("*.yaml")):
            name = path.relative_to(BUNDLE).as_posix()
            text = yaml.safe_dump(database, sort_keys=False) if name == DATABASE else path.read_text()
            archive.writestr(f"bundle/{name}", text)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
