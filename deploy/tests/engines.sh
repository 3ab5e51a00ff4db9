#!/usr/bin/env bash
# Starts Ray and Spark for real, kills processes and a node of theirs in the middle of waves, and
# compares the reports with those of `taster audit`, byte by byte.
#
#     deploy/tests/engines.sh [ray|spark]...
#
# Needs python3 (3.10 or newer) and, for Spark, Java 17 or newer. What is not given is made:
#   VENV     a virtual environment with ray and pyspark; made and filled from PyPI if it is not there
#   TASTER   the command; built with cargo in the dev profile
#   CORPUS   a folder of shards; demo/sample
#   TASKS    specs of a wave; 6
set -euo pipefail
repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

VENV="${VENV:-$repository/target/venv-engines}"
if [ ! -x "$VENV/bin/python" ]; then
    python3 -m venv "$VENV"
    "$VENV/bin/pip" install --quiet 'ray==2.60.0' 'pyspark==4.3.0'
fi
if [ -z "${TASTER:-}" ]; then
    (cd "$repository" && cargo build --package taster-cli --locked)
    TASTER="${CARGO_TARGET_DIR:-$repository/target}/debug/taster"
fi

[ $# -gt 0 ] || set -- ray spark
for engine in "$@"; do
    printf '== %s\n' "$engine"
    "$VENV/bin/python" "$repository/deploy/tests/engines.py" "$engine" --taster "$TASTER" \
        --corpus "${CORPUS:-$repository/demo/sample}" --scratch "$scratch/$engine" --tasks "${TASKS:-6}"
done
