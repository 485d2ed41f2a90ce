# A Superset for one check on this machine: no stranger reaches it, and it is gone with its data after some minutes.
import os

# Made anew for each check, the same for its import and its server.
SECRET_KEY = os.environ["SUPERSET_CHECK_KEY"]
SQLALCHEMY_DATABASE_URI = "sqlite:///@HOME@/superset.db"
WTF_CSRF_ENABLED = False
TALISMAN_ENABLED = False
RATELIMIT_ENABLED = False
