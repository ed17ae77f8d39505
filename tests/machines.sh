# Decode files on an emulated processor, which must give the pixels of this machine.
#
#   bash tests/machines.sh ARCHITECTURE [FILE...]
#
# ARCHITECTURE is arm64, armhf, i386, ppc64el, riscv64 or s390x, the only one of them that stores the high
# byte first. Without a FILE, the stored files of `grid` are decoded. Run it in a clone, with the Python of an
# environment that has NumPy, Pillow and safetensors as PYTHON (default: .venv/bin/python).
#
# Needs Debian's apt-get, dpkg and qemu-user. The emulated Python and its NumPy, Pillow and safetensors are
# those of Debian testing, about 40 MB, unpacked in a scratch folder: nothing is installed.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-.venv/bin/python}
cpu=()
case ${1:-} in
    arm64) emulator=qemu-aarch64 libraries=aarch64-linux-gnu cpu=(-cpu cortex-a72) ;; # the default is slow
    armhf) emulator=qemu-arm libraries=arm-linux-gnueabihf ;;
    i386) emulator=qemu-i386 libraries=i386-linux-gnu ;;
    ppc64el) emulator=qemu-ppc64le libraries=powerpc64le-linux-gnu ;;
    riscv64) emulator=qemu-riscv64 libraries=riscv64-linux-gnu ;;
    s390x) emulator=qemu-s390x libraries=s390x-linux-gnu ;;
    *)
        printf 'usage: bash tests/machines.sh arm64|armhf|i386|ppc64el|riscv64|s390x [FILE...]\n' >&2
        exit 2
        ;;
esac
architecture=$1
shift
[[ $# -gt 0 ]] || set -- tests/golden/v1-grid{,-coarse,-deep,-fine,-grey,-row}.inr

skip() {
    printf '%s: skipped, since %s\n' "$architecture" "$1"
    exit 0
}

for tool in apt-get dpkg "$emulator"; do
    command -v "$tool" >/dev/null || skip "$tool is missing; on Debian: apt-get install qemu-user"
done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# With lists and a state of its own, apt-get neither reads nor changes those of this machine.
fetch_packages() {
    local keys=/usr/share/keyrings/debian-archive-keyring.gpg mirror
    mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -m 1 '/debian/$')
    mkdir -p "$scratch"/{lists,archives}/partial
    touch "$scratch/status"
    echo "deb [signed-by=$keys] $mirror testing main" >"$scratch/sources.list"
    cat >"$scratch/apt.conf" <<END
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Sandbox::User "root";
Dir::Cache "$scratch";
Dir::Etc::sourcelist "$scratch/sources.list";
Dir::Etc::sourceparts "-";
Dir::State "$scratch";
Dir::State::status "$scratch/status";
END
    export APT_CONFIG=$scratch/apt.conf
    apt-get update -qq
    apt-get install -qq -y --download-only --no-install-recommends \
        python3-minimal python3-numpy python3-pil python3-safetensors
}

unpack_packages() {
    local package folder
    for package in "$scratch"/archives/*.deb; do dpkg -x "$package" "$scratch/root"; done
    for folder in lib lib64; do
        [[ ! -e $scratch/root/usr/$folder ]] || ln -sfn "usr/$folder" "$scratch/root/$folder"
    done
}

emulated() {
    local found=$scratch/root/usr/lib/$libraries
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$PWD "$emulator" "${cpu[@]}" -L "$scratch/root" \
        -E "LD_LIBRARY_PATH=$found:$found/blas:$found/lapack" "$scratch/root/usr/bin/python3" "$@"
}

(fetch_packages) >"$scratch/log" 2>&1 || skip "Debian's packages cannot be had: $(tail -n 1 "$scratch/log")"
unpack_packages
read -r here sum_here < <(PYTHONPATH=$PWD "$python" tests/support/print_pixels.py "$@")
read -r there sum_there < <(emulated tests/support/print_pixels.py "$@")
versions='import sys, numpy
print(f"Python {sys.version.split()[0]}, NumPy {numpy.__version__}, {sys.byteorder}-endian")'
printf '%s, %s: pixels %s, here %s; sums of reals %s, here %s\n' \
    "$architecture" "$(emulated -c "$versions")" "$there" "$here" "$sum_there" "$sum_here"
[[ $here == "$there" ]]
