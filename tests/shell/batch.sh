# Many files: folders, resuming, failures, collisions, workers, interrupts.
# shellcheck source=tests/shell/lib.sh
. "$(dirname "$0")/lib.sh"

pictures a.png
run imgnet encode a.png --effort 1
check 'an image becomes a file beside it' test -f a.inr
check 'and the program ends with 0' ended 0

finish
