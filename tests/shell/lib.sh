# What the scripts beside this file share: checks that are counted, runs that are looked at afterwards,
# tiny pictures, and an empty folder to work in.
#
# A script sources this file, calls `check`, and ends with `finish`. It prints a line "ok N - name" or
# "not ok N - name" a check and the plan "1..N" at the end (TAP). Pytest runs every script; by hand,
# `bash tests/shell/NAME.sh` tests the `imgnet` that is on PATH.

set -u
num_checks=0
num_failed=0
code=0
python=${PYTHON:-python3}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/work"
cd "$scratch/work" || exit 1

# check NAME COMMAND...: count one check, which holds if the command succeeds.
check() {
    local name=$1
    shift
    num_checks=$((num_checks + 1))
    if "$@" >"$scratch/why" 2>&1; then
        printf 'ok %d - %s\n' "$num_checks" "$name"
        return
    fi
    num_failed=$((num_failed + 1))
    printf 'not ok %d - %s\n' "$num_checks" "$name"
    printf '# failed: %s\n' "$*"
    sed 's/^/# /' "$scratch/why"
    if [[ -e $scratch/err ]]; then
        printf '# last run ended with %d and said:\n' "$code"
        sed 's/^/# /' "$scratch/err"
    fi
}

# finish: print the plan; fail if a check did.
finish() {
    printf '1..%d\n' "$num_checks"
    [[ $num_failed == 0 ]]
}

# run COMMAND...: keep what it prints for `printed`, what it says for `said`, its end for `ended`.
run() {
    "$@" >"$scratch/out" 2>"$scratch/err"
    code=$?
}

ended() { [[ $code == "$1" ]]; }                    # ended CODE
said() { grep -qF -e "$1" "$scratch/err"; }         # said TEXT, on stderr
printed() { grep -qF -e "$1" "$scratch/out"; }      # printed TEXT, on stdout
silent() { [[ ! -s $scratch/err ]]; }               # nothing on stderr
empty_stdout() { [[ ! -s $scratch/out ]]; }         # nothing on stdout
said_lines() { [[ $(wc -l <"$scratch/err") == "$1" ]]; }
printed_lines() { [[ $(wc -l <"$scratch/out") == "$1" ]]; }
not() { ! "$@"; }
files() { [[ "$(find "$1" -type f | LC_ALL=C sort | paste -sd ' ')" == "$2" ]]; } # files FOLDER 'A B'

# json EXPRESSION: holds for the list `rows` of the JSON lines that the last run printed.
json() {
    "$python" -c 'import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
if not eval(sys.argv[2]):
    sys.exit(f"not so: {sys.argv[2]}\n{rows}")' "$scratch/out" "$1"
}

# pictures [WxH] NAME...: write small pictures, each different, in the format of its extension.
pictures() {
    "$python" -c 'import re, sys
import numpy as np
from PIL import Image
names = sys.argv[1:]
width, height = map(int, names.pop(0).split("x")) if re.fullmatch("[0-9]+x[0-9]+", names[0]) else (24, 16)
y, x = np.mgrid[0:height, 0:width]
for i, name in enumerate(names):
    wave = 128 + 100 * np.sin(x / 4 + i)
    pixels = np.stack([x * 240 / width, y * 240 / height, wave], axis=2)
    Image.fromarray(pixels.astype(np.uint8)).save(name)' "$@"
}
