# Targets: a size, a rate and a PSNR, within reach and out of it; gated has the code of mlp.

tests=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tests/shell/lib.sh
. "$tests/shell/lib.sh"

"$python" -c 'import sys
from PIL import Image
cut = Image.open(sys.argv[1]).convert("RGB").crop((130, 60, 194, 108))
cut.info.clear()
cut.save("photo.png")' "$tests/../samples/chelsea.png"
pictures 24x16 small.png
size_of() { stat -c %s "$1"; }
reaches() { json "$1 - 0.1 <= rows[0]['psnr_db'] <= $1 + 0.1"; }
is_written() { json "rows[0]['status'] == 'done' and rows[0]['output'] == '$1'" && [ -s "$1" ]; }

for model in grid mlp; do
    encode=(imgnet encode photo.png --model "$model" --effort 1 --json)
    run "${encode[@]}" -o size.inr --target-size 1k
    check "$model: a size is no fault" ended 0
    check "$model: a size is not exceeded" [ "$(size_of size.inr)" -le 1000 ]
    check "$model: a size is used" [ "$(size_of size.inr)" -ge 970 ]
    run "${encode[@]}" -o psnr.inr --target-psnr 25
    check "$model: a PSNR is no fault" ended 0
    check "$model: a PSNR is reached" reaches 25

    encode+=(--time-limit 0.5)
    for target in 'size 60' 'psnr 90'; do
        read -r kind value <<<"$target"
        run "${encode[@]}" -o far.inr "--target-$kind" "$value"
        check "$model, $target: out of reach: exit 5" ended 5
        check "$model, $target: the nearest file is written" is_written far.inr
        check "$model, $target: one line tells of it" said_lines 1
        check "$model, $target: the target is named" said "photo.png: cannot reach $value "
        check "$model, $target: and what is within reach" said 'reachable here: '
        check "$model, $target: and where the file is" said 'the best is written to far.inr'
        rm far.inr
    done
done

run imgnet encode photo.png --effort 1 --model mlp --target-bpp 0.01 --time-limit 0.5 -o -
check 'the nearest file goes to stdout too' [ -s "$scratch/out" ]
check 'with exit code 5' ended 5
check 'also with a rate, which is named' said 'photo.png: cannot reach 0.01 '
cp "$scratch/out" piped.inr
run imgnet decode piped.inr -o piped.png
check 'and is whole' ended 0

run imgnet encode photo.png small.png -o out/ --effort 1 --target-size 60 --time-limit 0.5
check 'of several files, some were not as asked for' ended 1
check 'which is summed up' said '2 of 2 files failed; 0 done'
check 'all are written' files out 'out/photo.inr out/small.inr'

run imgnet encode photo.png --target-size 1k --target-psnr 30
check 'two targets contradict each other' ended 2
run imgnet encode photo.png --target-psnr 30 --weights float16
check 'real weights have no target PSNR' ended 2
check 'which is said' said 'coded weights'
run imgnet encode photo.png --target-psnr 0
check 'a PSNR begins at 1 dB' ended 2
run imgnet encode photo.png --target-size 0
check 'a size begins at a byte' ended 2

finish
