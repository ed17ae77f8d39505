# `imgnet compare`: images, .inr files and pipes; numbers, pictures and refusals.

tests=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$tests/shell/lib.sh"
cp "$tests/golden/v1-grid.inr" grid.inr # 48x32
cp "$tests/golden/v1-grid.png" grid.png
cp "$tests/golden/v1-mlp.inr" mlp.inr
pictures 48x32 a.png a.webp deep.tiff
pictures 170x165 large.png
pictures 24x16 small.png

size_is() { [[ $("$python" -c 'import sys; from PIL import Image
print("%dx%d" % Image.open(sys.argv[1]).size)' "$1") == "$2" ]]; }

run imgnet compare grid.inr grid.png
check 'a file beside its picture' ended 0
check 'text has a line a number' printed_lines 4
check 'equal pixels are called so' printed 'PSNR        infinite'
check 'and are alike' printed 'SSIM        1.00000'
check 'and differ by nothing' printed 'max error   0 of 255'
check 'a picture too small for MS-SSIM says so' printed 'it needs 161 a side'
check 'compare says nothing else' silent
run imgnet compare grid.inr mlp.inr --json
check 'two files' json '10 < rows[0]["psnr_db"] < 60 and 0 < rows[0]["ssim"] < 1'
check 'JSON names both' json '(rows[0]["a"], rows[0]["b"]) == ("grid.inr", "mlp.inr")'
check 'JSON has null for what is not there' json 'rows[0]["ms_ssim"] is None'
run imgnet compare mlp.inr grid.inr --json
check 'the order does not matter' json '10 < rows[0]["psnr_db"] < 60'
run imgnet compare large.png large.png --json
check 'five scales where they fit' json 'rows[0]["ms_ssim"] == 1 and rows[0]["psnr_db"] is None'
run imgnet compare - grid.png --json <grid.inr
check 'the first may be stdin' json 'rows[0]["a"] == "-" and rows[0]["max_error"] == 0'
run imgnet compare a.png - --json <a.webp
check 'the second may be stdin' json '0 < rows[0]["max_error"] < 255'
run imgnet compare grid.png mlp.inr -o diff.png
check 'a picture of three' size_is diff.png 144x32
run imgnet compare grid.png mlp.inr -o diff.jpg --gain 20
check 'in other formats' size_is diff.jpg 144x32
run imgnet compare grid.png mlp.inr -o - --format bmp
check 'to stdout' [ "$(head -c 2 "$scratch/out")" = BM ]
check 'with the numbers on stderr' said PSNR

run imgnet compare grid.png small.png
check 'sizes differ: exit 2' ended 2
check 'sizes differ: both are named' said 'grid.png has 48x32 pixels, small.png 24x16'
check 'sizes differ: the way out' said '`imgnet resample --size 48x32`'
check 'sizes differ: one line' said_lines 1
run imgnet compare - - <grid.inr
check 'stdin is one picture' ended 2
run imgnet compare grid.inr
check 'one picture is not enough' ended 2
run imgnet compare grid.inr missing.png
check 'a missing picture' ended 3
head -c 300 grid.inr >cut.inr
run imgnet compare grid.png cut.inr
check 'a file cut short' ended 4
check 'a file cut short is named' said 'cut.inr: cut short'
cp grid.png keep.png
run imgnet compare keep.png grid.inr -o keep.png
check 'an input is not replaced' ended 2
check 'an input is left alone' cmp keep.png grid.png
run imgnet compare grid.png grid.inr -o no/diff.png
check 'a folder that is missing' ended 6
run imgnet compare grid.png grid.inr -o diff.gif
check 'a format that is not known' ended 2
run imgnet compare grid.png grid.inr --gain 0
check 'no gain' ended 2
run imgnet compare --json -o - grid.png grid.inr
check 'one stdout' ended 2

finish
