#!/usr/bin/env bash
# Installs the pinned dbt into .tools/dbt, by uv where it is there and by pip otherwise.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

stamp=.tools/dbt/requirements.txt
if cmp -s dbt/requirements.txt "$stamp"; then exit 0; fi
have python3 || die "python3 is missing; dbt needs it"
rm -rf .tools/dbt
if have uv; then
  uv venv -q .tools/dbt
  uv pip install -q --python .tools/dbt/bin/python -r dbt/requirements.txt
else
  python3 -m venv .tools/dbt || die "python3 cannot make environments; please install the package python3-venv, or uv"
  .tools/dbt/bin/pip install -q -r dbt/requirements.txt
fi
# Last: an installation that broke off is not taken for a whole one.
cp dbt/requirements.txt "$stamp"
