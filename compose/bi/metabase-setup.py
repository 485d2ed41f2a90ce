"""Metabase's administrator and its connection to the warehouse; does nothing where the administrator is there already.

Everything comes from the environment: METABASE_URL, METABASE_EMAIL, METABASE_PASSWORD and libpq's PGHOST, PGUSER, PGPASSWORD, PGDATABASE.
"""

import json
import os
import urllib.request

URL = os.environ["METABASE_URL"]


def ask(path: str, body: dict | None = None, session: str | None = None):
    """The answer to a GET, or to a POST where there is a body."""
    headers = {"Content-Type": "application/json"} | ({"X-Metabase-Session": session} if session else {})
    request = urllib.request.Request(f"{URL}/api/{path}", json.dumps(body).encode() if body else None, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def main() -> None:
    """Sets up what is not there."""
    properties = ask("session/properties")
    login = {"email": os.environ["METABASE_EMAIL"], "password": os.environ["METABASE_PASSWORD"]}
    if not properties["has-user-setup"]:
        user = login | {"first_name": "Churn", "last_name": "Admin", "site_name": "Churnstream"}
        ask("setup", {"token": properties["setup-token"], "user": user, "prefs": {"site_name": "Churnstream", "allow_tracking": False}})
    session = ask("session", {"username": login["email"], "password": login["password"]})["id"]
    if "churn" not in [database["name"] for database in ask("database", session=session)["data"]]:
        details = {
            "host": os.environ["PGHOST"],
            "port": 5432,
            "dbname": os.environ["PGDATABASE"],
            "user": os.environ["PGUSER"],
            "password": os.environ["PGPASSWORD"],
            "schema-filters-type": "inclusion",
            "schema-filters-patterns": "warehouse",
        }
        ask("database", {"name": "churn", "engine": "postgres", "details": details}, session)


main()
