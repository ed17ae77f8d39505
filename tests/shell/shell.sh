# What a shell and its users expect of any program: help, completion, pipes, terminals, odd names.

tests=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$tests/shell/lib.sh"
cp "$tests/golden/v1-grid.inr" grid.inr # 48x32
cp "$tests/golden/v1-grid.png" grid.png
tiny=(--effort 1 --model mlp --dim-hidden 2 --num-layers 1 --time-limit 0.1)

fits_80_columns() { [[ $(wc -L <"$scratch/out") -le 80 ]]; }
half_sentence() { grep -q '[a-z,]\.\.\.$' "$scratch/out"; }
is_png() { [[ $(head -c 8 <"$1" | od -An -tx1 | tr -d ' \n') == 89504e470d0a1a0a ]]; }
is_ascii() { ! LC_ALL=C grep -q '[^ -~]' "$scratch/out"; }
utf8_stderr() { iconv -f UTF-8 -t UTF-8 "$scratch/err"; }

# on_terminal COMMAND...: run a command whose three streams are a terminal; keep what shows.
on_terminal() {
    "$python" -c 'import os, pty, sys
seen = bytearray()
def read(end):
    data = os.read(end, 65536)
    seen.extend(data)
    return data
status = pty.spawn(sys.argv[2:], read)
open(sys.argv[1], "wb").write(seen)
sys.exit(os.waitstatus_to_exitcode(status))' "$scratch/err" "$@" >/dev/null </dev/null
    code=$?
}


# --- Help, version, completion

run imgnet --help
check 'help ends well' ended 0
check 'help fits 80 columns' fits_80_columns
check 'help begins with usage' [ "$(head -c 14 "$scratch/out")" = 'Usage: imgnet ' ]
check 'help shows the most used lines first' \
    [ "$(sed -n 5,7p "$scratch/out" | awk '{print $1, $2}' | paste -sd ,)" = \
    'imgnet encode,imgnet decode,imgnet info' ]
check 'no command is described by half a sentence' not half_sentence
for command in encode decode resample info verify compare bench; do
    run imgnet "$command" -h
    check "help of $command fits 80 columns" fits_80_columns
    check "help of $command describes its options" printed '  -h, --help '
done
run imgnet --version
check 'version is one line' printed_lines 1
run imgnet
check 'no command is a fault' ended 2
check 'no command prints nothing to stdout' empty_stdout
check 'no command shows the help' said 'imgnet decode photo.inr'

run imgnet --show-completion
check 'bash completion is a script' bash -n "$scratch/out"
# complete_with WORD...: what bash would offer for the last of the words.
complete_with() {
    bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        _imgnet_completion imgnet; echo "${COMPREPLY[*]}"' - "$scratch/script" "$@"
}
cp "$scratch/out" "$scratch/script"
check 'bash completes commands' [ "$(complete_with imgnet comp)" = compare ]
check 'bash completes options' [ "$(complete_with imgnet encode --mod)" = --model ]
check 'bash completes values' [ "$(complete_with imgnet encode --model ga)" = gated ]
mkdir home
run env HOME="$PWD/home" imgnet --install-completion
check 'completion is installed' grep -q imgnet home/.bashrc
run env HOME=/dev/null imgnet --install-completion
check 'completion that cannot be installed is a fault' ended 6

# --- Pipes and terminals

run imgnet decode - -o - <grid.inr
check 'decode works in a pipe' is_png "$scratch/out"
check 'decode in a pipe says nothing' silent
run imgnet decode - --format ppm <grid.inr
check 'stdin goes to stdout' [ "$(head -c 2 "$scratch/out")" = P6 ]
run imgnet resample - -o scaled.webp --scale 2 <grid.inr
check 'resample reads stdin' [ -s scaled.webp ]
run imgnet info - <grid.inr
check 'info reads stdin' printed '48x32 RGB'
run imgnet verify - <grid.inr
check 'verify reads stdin' printed '<stdin>: exact'
run imgnet encode - --json "${tiny[@]}" <grid.png
check 'JSON and a file cannot share stdout' ended 2
on_terminal imgnet decode grid.inr -o -
check 'a picture is not sent to a terminal' ended 2
check 'the terminal is named' said '<stdout>: is a terminal'
on_terminal imgnet decode -
check 'a picture is not typed in' ended 2
check 'stdin is named' said 'is a terminal'
on_terminal imgnet info grid.inr
check 'text is sent to a terminal' said '48x32 RGB'
run bash -c 'imgnet decode grid.inr -o - | head -c 4; exit ${PIPESTATUS[0]}'
check 'a reader that has enough is no traceback' not said Traceback
for command in 'info grid.inr' 'verify grid.inr' 'decode grid.inr -o -' '--help'; do
    run bash -c "imgnet $command >/dev/full"
    check "$command, disk full: exit 6" ended 6
    check "$command, disk full: one line" said_lines 1
done
run bash -c 'imgnet decode grid.inr -o - >&-'
check 'closed stdout is a fault' ended 6
run bash -c 'imgnet decode - <&-'
check 'closed stdin is a fault' ended 3
run bash -c 'imgnet decode missing.inr 2>&-'
check 'closed stderr sends no words to stdout' empty_stdout

# --- Limits

run env IMGNET_MAX_PIXELS=1000 imgnet decode grid.inr -o limited.png
check 'a file beyond the limit of pixels is refused' ended 4
check 'with the limit' said 'the limit of 1000'
run env IMGNET_MAX_PIXELS=1000 imgnet encode grid.png -o limited.inr "${tiny[@]}"
check 'and so is an image' ended 3
run env IMGNET_MAX_PIXELS=2000 imgnet decode grid.inr -o limited.png --size 100
check 'and a size to draw at' ended 2
run env IMGNET_MAX_PIXELS=2000 imgnet decode grid.inr -o limited.png --quiet
check 'what is within it is drawn' is_png limited.png
run env IMGNET_MAX_PIXELS=few imgnet decode grid.inr -o limited.png
check 'a limit that is no number is refused' ended 2

# --- How much is said

run imgnet decode grid.inr -o a.png --quiet
check 'quiet decode says nothing' silent
run imgnet decode grid.inr -o a.png -v
check 'verbose decode tells the size' said 'drawn at 48x32'
check 'verbose decode keeps stdout clean' empty_stdout
run imgnet verify grid.inr --quiet
check 'quiet verify tells by its exit code' empty_stdout
run imgnet info -v grid.inr
check 'verbose info tells where the bytes are' printed 'latents     1/1 '
run imgnet info --json -v grid.inr
check 'the parts add up' json 'sum(rows[0]["parts"].values()) == rows[0]["bytes"]'
run imgnet decode grid.inr -o a.png --quiet -v
check 'quiet and verbose contradict each other' ended 2

# --- Names

raw=$(printf 'caf\351') # not UTF-8
line=$'two\nlines'
evil=$(printf 'evil\033[2J')
names=('a b' "$line" -dash "$raw" '日本' "it's \"\$HOME\"" "$evil")
for name in "${names[@]}"; do
    cp grid.png "./$name.png"
done
run imgnet encode --json --verbose "${tiny[@]}" -- "${names[@]/%/.png}"
check 'odd names are encoded' ended 0
check 'every file is there' [ -s 'a b.inr' -a -s "$line.inr" -a -s ./-dash.inr -a -s "$raw.inr" ]
check 'JSON is a line a file' printed_lines 7
check 'JSON is ASCII' is_ascii
check 'JSON holds the names' json 'rows[1]["input"] == "two\nlines.png"'
check 'JSON holds bytes that are no UTF-8' \
    json '__import__("os").fsencode(rows[3]["output"]) == b"caf\xe9.inr"'
check 'a line break is shown as one' said 'two\nlines.png -> two\nlines.inr'
check 'bytes are shown as such' said 'caf\xe9.inr'
check 'letters of others are shown' said '日本.inr'
check 'no name commands the terminal' said 'evil\x1b[2J.inr'
check 'words are UTF-8' utf8_stderr
check 'verbose encode tells of the fit' said 'a second'
run imgnet info --json -- "${names[@]/%/.inr}"
check 'odd names are described' json '[row["model"] for row in rows] == 7 * ["mlp"]'
run imgnet verify -- "${names[@]/%/.inr}"
check 'odd names are verified, a line each' printed_lines 7
run env LC_ALL=C PYTHONCOERCECLOCALE=0 PYTHONUTF8=0 imgnet verify '日本.inr' "$raw.inr"
check 'a locale that lacks a letter ends nothing' ended 0
mkdir -- '-out dir'
run imgnet decode -o '-out dir/' -- "$raw.inr"
check 'a folder may begin with a dash' is_png "-out dir/$raw.png"
run imgnet decode "$line.inr" -o "$evil.png"
check 'odd names are decoded' is_png "$evil.png"
run imgnet decode -dash.inr
check 'a dash without -- is an option' ended 2
run imgnet decode "no such $line $raw"
check 'a fault about an odd name is one line' said_lines 1
check 'and names it' said "no such two\\nlines caf\\xe9: cannot be read"
run imgnet decode ./- 
check 'a file called - is ./-' said './-'

finish
