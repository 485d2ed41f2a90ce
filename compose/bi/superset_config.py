"""Superset's settings: everything secret comes from the environment."""

import os

SECRET_KEY = os.environ["SUPERSET_SECRET_KEY"]
SQLALCHEMY_DATABASE_URI = os.environ["SUPERSET_DATABASE_URI"]
WTF_CSRF_ENABLED = True
TALISMAN_ENABLED = True
# Plain HTTP on loopback: a browser would not send cookies that are for HTTPS only.
SESSION_COOKIE_SECURE = False
SESSION_COOKIE_SAMESITE = "Lax"
TALISMAN_CONFIG = {"force_https": False, "session_cookie_secure": False, "content_security_policy": None}
