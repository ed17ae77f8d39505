# Many files: folders, resuming, faults, clashes of names, workers, progress, signals.
# shellcheck source=tests/shell/lib.sh
. "$(dirname "$0")/lib.sh"

fast=(--effort 1 --time-limit 0.2)
long=(--effort 9 --time-limit 1.5)
statuses() { json "[row['status'] for row in rows] == '$1'.split()"; }
inputs() { json "[row['input'] for row in rows] == '$1'.split()"; }

# begin COMMAND...: start it as the group of processes $group, as a terminal does.
set -m
begin() {
    "$@" >"$scratch/out" 2>"$scratch/err" &
    group=$!
}
# end_with SIGNAL: send it to the program alone; keep how that ends.
end_with() {
    kill -s "$1" "$group"
    wait "$group" 2>/dev/null
    code=$?
}
await() { # await COMMAND...: until it succeeds, for a minute at most
    for _ in {1..600}; do
        "$@" && return
        sleep 0.1
    done
    return 1
}
alive() { ps -eo pgid,stat | awk -v group="$group" '$1 == group && $2 !~ /^Z/' | grep -q .; }
no_parts() { [[ -z $(find "$1" -type f ! -name '*.inr') ]]; }
gone() { await not alive; }
two_workers() { [[ $(workers | wc -l) == 2 ]]; }
workers() { ps -eww -o pgid,pid,args | awk -v group="$group" '$1 == group && /spawn_main/ { print $2 }'; }

pictures a.png b.jpg 'c d.webp' slow1.png slow2.png slow3.png
mkdir -p tree/sub/deep tree/sub/.hidden nothing
pictures tree/z.png tree/A.JPG tree/sub/a.png tree/sub/deep/b.webp tree/sub/.hidden/x.png tree/.y.png
echo 'no picture' | tee tree/notes.txt >text.png

# --- faults and order
run imgnet encode a.png missing.png text.png 'c d.webp' b.jpg -o out/ --json "${fast[@]}"
check 'some failed: exit code 1' ended 1
check 'one line of JSON a file' printed_lines 5
check 'in the order of the inputs' \
    json "[r['input'] for r in rows] == ['a.png', 'missing.png', 'text.png', 'c d.webp', 'b.jpg']"
check 'a failing file does not stop the others' statuses 'done failed failed done done'
check 'the JSON names the fault' json "'missing.png' in rows[1]['error'] and not rows[1]['output']"
check 'and all there is to know' json "all(set(row) >= set('input output bytes bpp psnr_db seconds \
effort model status error'.split()) for row in rows)"
check 'sizes are those of the files' \
    json "__import__('os').path.getsize(rows[4]['output']) == rows[4]['bytes']"
check 'the faults are said' said 'text.png: not an image'
check 'and summed up' said '2 of 5 files failed; 3 done'
check 'results lie in the folder' files out 'out/a.inr out/b.inr out/c d.inr'

# --- resuming
run imgnet encode a.png b.jpg -o out/ --skip-existing --json
check 'what exists is skipped' statuses 'skipped skipped'
check 'skipping is no failure' ended 0
check 'and is said' said 'a.png: skipped; out/a.inr exists'
run imgnet encode a.png b.jpg -o out/ --skip-existing -j 0 --quiet
check 'so quietly that nothing is said' silent
run imgnet encode a.png b.jpg -o out/ "${fast[@]}"
check 'without it a file that exists is a fault' said 'out/a.inr: exists'
check 'of each' said '2 of 2 files failed; 0 done'
run imgnet encode a.png -o out/ --force --skip-existing
check '--force and --skip-existing exclude each other' ended 2

# --- folders
run imgnet encode -r tree -o mirror -j 2 --json "${fast[@]}"
check 'a folder goes through with -r' ended 0
check 'its tree is mirrored, hidden and other files left out' \
    files mirror 'mirror/A.inr mirror/sub/a.inr mirror/sub/deep/b.inr mirror/z.inr'
check 'in the order of names, also from two workers' \
    inputs 'tree/A.JPG tree/z.png tree/sub/a.png tree/sub/deep/b.webp'
run imgnet encode -r tree/sub --quiet "${fast[@]}"
check 'without -o the files lie beside the images' \
    test -f tree/sub/a.inr -a -f tree/sub/deep/b.inr -a ! -e tree/sub/.hidden/x.inr
check '--quiet is silent' silent
check 'stdout stays empty' empty_stdout
run imgnet encode tree
check 'a folder is refused without -r' ended 3
check 'with a hint' said 'add -r'
run imgnet encode -r nothing
check 'an empty folder is a fault' ended 3
run imgnet encode -r nothing missing.png -o out/ --quiet
check '--quiet still says faults' said_lines 3

# --- clashes
cp a.png a.jpg
run imgnet encode a.png a.jpg -o new/ "${fast[@]}"
check 'two images for one file are refused' ended 2
check 'and both named' said 'a.png and a.jpg would both become new/a.inr'
check 'before anything is done' test ! -e new
run imgnet encode a.png a.jpg -o new/ --force -j 2
check 'also with --force' ended 2
run imgnet encode a.png tree/sub/a.png -o new/
check 'also from different folders' ended 2
mkdir -p mixed/sub
cp b.jpg mixed/sub/a.inr
run imgnet encode -r tree mixed/sub/a.inr -o mixed --force
check 'no result replaces another input' \
    said 'mixed/sub/a.inr is an input, and tree/sub/a.png would become it'
check 'which is still there' cmp b.jpg mixed/sub/a.inr
run imgnet encode a.png b.jpg -o one.inr
check 'several images need a folder' said 'one.inr/'
run imgnet encode a.png b.jpg -o -
check 'and not stdout' ended 2
run imgnet encode a.png b.jpg --snapshot-every 5 previews -o out/
check 'previews are of one image' ended 2
run imgnet encode a.png -j -1
check 'fewer workers than none are refused' ended 2

# --- engines
run imgnet encode a.png --ship-bytes
check 'bytes are shipped to a cluster only' said '--engine ray'
run imgnet encode a.png --engine ray --keep-partial
check '--keep-partial does not reach a cluster' ended 2
run imgnet encode a.png --engine abacus
check 'an unknown engine is refused' ended 2

# --- progress, on a terminal only
on_terminal() { "$python" -c 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)' "$@"; }
run env NO_COLOR=1 TERM=xterm COLUMNS=100 "$(type -P bash)" -c "$(declare -f on_terminal)
    python='$python' on_terminal imgnet encode a.png b.jpg -o shown/ --effort 2 --time-limit 0.5"
check 'a terminal shows how far all files are' printed '/2 files'
check 'and how long it takes' printed ' left'
check 'without colours if they are not wanted' not printed '[3'
check 'and the results above it' printed 'a.png -> shown/a.inr'

# --- signals
begin imgnet encode slow1.png slow2.png slow3.png -o int/ "${long[@]}"
await test -e int/slow1.inr
end_with INT
check 'Ctrl-C ends with 130' ended 130
check 'and leaves whole files only' files int int/slow1.inr
check 'and tells how to go on' said '1 done of 3 files; the same command with --skip-existing'
run imgnet encode slow1.png slow2.png slow3.png -o int/ --skip-existing --json "${fast[@]}"
check 'which does so' statuses 'skipped done done'
check 'and says what it skips' said 'slow1.png: skipped; int/slow1.inr exists'

begin imgnet encode slow1.png slow2.png slow3.png -o term/ -j 2 "${long[@]}"
await test -e term/slow1.inr
end_with TERM
check 'SIGTERM ends with 143' ended 143
check 'and ends the workers' gone
check 'and leaves whole files only' no_parts term

begin imgnet encode slow1.png slow2.png slow3.png -o keep/ --keep-partial --effort 9 --json -j 2
await two_workers
sleep 4 # the fits, which would take an hour, have begun by now on most machines
end_with INT
check '--keep-partial ends with 130 too' ended 130
check 'and keeps the best so far' json "len(rows) == 2 and all(r['ended_early'] for r in rows)"
check 'as files that are sound' imgnet verify keep/slow1.inr keep/slow2.inr
check 'and begins nothing else' test ! -e keep/slow3.inr

begin imgnet encode slow1.png slow2.png -o kill/ -j 2 "${fast[@]}"
await two_workers
kill -s KILL "$(workers | head -n 1)"
wait "$group"
code=$?
check 'the death of a worker fails its file' said 'worker process died'
check 'and no other' said '1 of 2 files failed; 1 done'

begin imgnet encode slow1.png slow2.png -o orphans/ -j 2 --effort 9
await two_workers
end_with KILL
check 'workers end when the program is killed' gone

finish
