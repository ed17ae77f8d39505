# Targets: a size, a rate and a PSNR, within reach and out of it; gated has the code of mlp.

tests=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tests/shell/lib.sh
. "$tests/shell/lib.sh"

"$python" -c 'import sys
from PIL import Image
cut = Image.open(sys.argv[1]).convert("RGB").crop((130, 60, 170, 92))
cut.info.clear()
cut.save("photo.png")' "$tests/../samples/chelsea.png"
pictures 24x16 small.png
size_of() { stat -c %s "$1"; }
reaches() { json "$1 - 0.1 <= rows[0]['psnr_db'] <= $1 + 0.1"; }
is_written() { json "rows[0]['status'] == 'done' and rows[0]['output'] == '$1'" && [ -s "$1" ]; }

for model in grid mlp; do
    encode=(imgnet encode photo.png --model "$model" --effort 1 --json)
    run "${encode[@]}" -o size.inr --target-size 700
    check "$model: a size is no fault" ended 0
    check "$model: a size is not exceeded" [ "$(size_of size.inr)" -le 700 ]
    check "$model: a size is used" [ "$(size_of size.inr)" -ge 675 ]
    run "${encode[@]}" -o psnr.inr --target-psnr 25
    check "$model: a PSNR is no fault" ended 0
    check "$model: a PSNR is reached" reaches 25
done

for case in 'mlp size 60' 'grid psnr 90'; do
    read -r model kind value <<<"$case"
    run imgnet encode photo.png --model "$model" --effort 1 --time-limit 0.5 --json \
        -o far.inr "--target-$kind" "$value"
    check "$case: out of reach: exit 5" ended 5
    check "$case: the nearest file is written" is_written far.inr
    check "$case: one line tells of it" said_lines 1
    check "$case: the target is named" said "photo.png: cannot reach $value "
    check "$case: and what came nearest" said 'best found: '
    check "$case: and where the file is" said 'the best is written to far.inr'
    rm far.inr
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
