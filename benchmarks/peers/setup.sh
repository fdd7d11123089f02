#!/bin/sh
# Install the peers of the benchmarks: scikit-fem and FElupe into .bench-venv, dolfinx from the
# distribution's packages where there is apt and the right to use it. Idempotent; a peer that cannot
# be installed is reported by the benchmarks as not installed.
set -eu
cd "$(dirname "$0")/../.."
wanted=benchmarks/peers/requirements.txt
stamp=.bench-venv/.requirements

if ! cmp -s "$wanted" "$stamp"; then
  test -x .bench-venv/bin/python || "${PYTHON:-python3}" -m venv .bench-venv
  echo "setup: installing scikit-fem, FElupe and pypardiso"
  .bench-venv/bin/python -m pip install --quiet --disable-pip-version-check -r "$wanted"
  cp "$wanted" "$stamp"
fi

if ! /usr/bin/python3 -c "import dolfinx" 2>/dev/null; then
  if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    echo "setup: installing dolfinx and OpenBLAS from the distribution"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      python3-dolfinx openmpi-bin libopenblas0-pthread >/dev/null
  else
    echo "setup: dolfinx needs root: apt-get install python3-dolfinx openmpi-bin libopenblas0-pthread"
  fi
fi
