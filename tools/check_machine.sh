#!/bin/sh
# Say clearly what a machine lacks before anything is installed on it.
set -u
py=${PYTHON:-python3}
fail() { echo "setup: $1" >&2; exit 2; }

command -v "$py" >/dev/null 2>&1 ||
    fail "'$py' was not found. Install Python 3.11 or newer (Debian: apt-get install python3 python3-venv), or name one with 'make PYTHON=/path/to/python'."
"$py" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python 3.11 or newer is needed; '$py' is $("$py" -V 2>&1). Name another one with 'make PYTHON=/path/to/python3.11'."
"$py" -c 'import venv, ensurepip' 2>/dev/null ||
    fail "the venv module is missing. Debian: apt-get install python3-venv."
free_kb=$(df -Pk . | awk 'NR==2 {print $4}')
[ "$free_kb" -ge 3000000 ] || fail "about 3 GB of free disk are needed here; $((free_kb / 1024)) MB are free."
case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) ;;
    *) echo "setup: tested on Linux x86_64 only; elsewhere the solver runs on SciPy (slower)." >&2 ;;
esac
