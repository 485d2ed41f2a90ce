# A Superset for one check on this machine: no stranger reaches it, and it is gone with its data after some minutes.
import secrets

SECRET_KEY = secrets.token_hex(32)
SQLALCHEMY_DATABASE_URI = "sqlite:///@HOME@/superset.db"
WTF_CSRF_ENABLED = False
TALISMAN_ENABLED = False
RATELIMIT_ENABLED = False
