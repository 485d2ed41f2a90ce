#!/usr/bin/env bash
# Installs the pinned Superset and what drives a browser into .tools/superset, by uv where it is there and by pip otherwise; Chromium by
# apt (root only; otherwise it says the command).
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

have chromium || have google-chrome || apt_install chromium
stamp=.tools/superset/requirements.txt
if cmp -s bi/superset/requirements.txt "$stamp"; then exit 0; fi
have python3 || die "python3 is missing; Superset needs it"
echo "installing Superset (some minutes)" >&2
rm -rf .tools/superset
if have uv; then
  uv venv -q .tools/superset
  uv pip install -q --python .tools/superset/bin/python -r bi/superset/requirements.txt
else
  python3 -m venv .tools/superset || die "python3 cannot make environments; please install the package python3-venv, or uv"
  .tools/superset/bin/pip install -q -r bi/superset/requirements.txt
fi
# Last: an installation that broke off is not taken for a whole one.
cp bi/superset/requirements.txt "$stamp"
