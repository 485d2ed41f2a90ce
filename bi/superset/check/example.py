"""Makes the database `churn` with a made-up stream and its warehouse, for the dashboards to show.

Usage: example.py postgres://user:password@host:port
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "dbt/check"))
from common import connect, fill, make_source, settings  # noqa: E402
from mutations_by_hand import EXAMPLES  # noqa: E402

ROWS = 60_000


def main(server):
    connect(server, "postgres").cursor().execute("create database churn template template0")
    cursor = connect(server, "churn").cursor()
    make_source(cursor)
    fill(cursor, 0, ROWS, a_month=ROWS)
    for statement in EXAMPLES:
        cursor.execute(statement)
    subprocess.run([Path(sys.executable).parent / "dbt", "run", "--profiles-dir", ".", "--quiet"], cwd=ROOT / "dbt", check=True,
                   env=settings(server, "churn", "churn_analyst", ROOT / "dbt/target/check-bi"))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
