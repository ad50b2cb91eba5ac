#!/usr/bin/env bash
# A first hour with a GPU in ten minutes, unattended: tests, checks, speed, losses, PyTorch beside it, a trained model.
#
#   benches/pack_hardware.sh                       here: makes hardware/, a folder that needs nothing else
#   cd hardware && ./hardware.sh [ADAPTER]         there: bash, coreutils and a Vulkan driver; python3 and torch where they are
#
# ADAPTER is an index or a name as in `saddle devices`; the first, best one by default. Every step has its own time limit, its own
# log, and writes before the next begins; a step that fails does not stop the others. $OUT (default: results) then holds
# hardware-ADAPTER.json, everything in one file, made anew after each step; hardware-ADAPTER.tar.gz, the logs; and a picture.
# All steps together end within BUDGET seconds (570). SMALL=1 takes small numbers, for a try on a software driver, and PATIENCE=N times
# as long for each step (BUDGET is 570 N then).
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
here=$PWD
out=${OUT:-$here/results} steps=$here/steps
small=${SMALL:-} patience=${PATIENCE:-1}
budget=${BUDGET:-$((570 * patience))}
grace=5 # seconds that a program has to end, once it is told to
mkdir -p "$out" "$steps"
: >"$steps/steps.tsv"
export SADDLE_CACHE=$here/cache NODEVICE_SELECT=1 PYTHONUNBUFFERED=1

# --- what was packed -------------------------------------------------------------------------------------------------------
if [ ! -x bin/saddle ]; then
    if command -v xz >/dev/null; then
        xz -dc bin.tar.xz | tar xf -
    else
        python3 -c 'import tarfile; tarfile.open("bin.tar.xz").extractall(".")'
    fi || { echo "bin.tar.xz cannot be unpacked: neither xz nor python3 works here" >&2; exit 1; }
fi
saddle=$here/bin/saddle

# --- the driver ------------------------------------------------------------------------------------------------------------
has_library() { { ldconfig -p 2>/dev/null || /sbin/ldconfig -p; } 2>/dev/null | grep -q "$1"; }
search=${LD_LIBRARY_PATH:-}
has_library libvulkan.so.1 || search=$search:$here/lib
for folder in /usr/local/nvidia/lib64 /usr/local/nvidia/lib; do
    [ -d $folder ] && search=$search:$folder
done
[ -n "${search#:}" ] && export LD_LIBRARY_PATH=${search#:}
if [ -z "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ]; then
    manifests=(/etc/vulkan/icd.d/*nvidia*.json /usr/share/vulkan/icd.d/*nvidia*.json)
    [ -e "${manifests[0]}" ] || manifests=("${manifests[1]}")
    nvidia=/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json
    if [ ! -e "${manifests[0]}" ] && [ -e $nvidia ]; then
        export VK_DRIVER_FILES=$nvidia
    elif [ ! -e "${manifests[0]}" ] && [ -e /dev/nvidiactl ]; then
        # The library of the driver is there and nobody says so; without X it is the one for EGL that loads.
        for library in libGLX_nvidia.so.0 libEGL_nvidia.so.0; do
            printf '{"file_format_version": "1.0.1", "ICD": {"library_path": "%s", "api_version": "1.3.0"}}\n' $library >"$steps/icd.json"
            export VK_DRIVER_FILES=$steps/icd.json
            "$saddle" devices --json 2>/dev/null | grep -q '"index"' && break
        done
    fi
fi

# --- steps -----------------------------------------------------------------------------------------------------------------
left() { echo $((budget - SECONDS)); }

# All that there is so far, in one file; without python3 the steps' own files stay.
merge() {
    tar czf "$out/hardware-$label.tar.gz" -C "$steps" . 2>/dev/null
    command -v python3 >/dev/null || return 0
    python3 - "$steps" "$out/hardware-$label.json" "$adapter" <<'PYTHON'
import json, pathlib, sys
folder, out, adapter = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
def read(path):
    try:
        return json.loads(path.read_text())
    except ValueError:
        return None
def lines(path):
    read = []
    for line in path.read_text().splitlines():
        try:
            read.append(json.loads(line))
        except ValueError:
            pass
    return read
rows = [line.split("\t") for line in (folder / "steps.tsv").read_text().splitlines()]
report = {"adapter": adapter, "steps": [dict(zip(("name", "seconds", "limit", "status"), (r[0], float(r[1]), float(r[2]), r[3]))) for r in rows]}
report["results"] = {path.stem: read(path) for path in sorted(folder.glob("*.json")) if path.name != "icd.json"}
report["losses"] = {path.name.removesuffix(".jsonl"): lines(path) for path in sorted(folder.glob("*.jsonl"))}
report["text"] = {path.stem: path.read_text(errors="replace")[-4000:] for path in sorted(folder.glob("*.log"))}
pathlib.Path(out).write_text(json.dumps(report, indent=1))
PYTHON
}

# step NAME SECONDS COMMAND...: at most so long, and no longer than is left; told to end first, so that a run keeps its checkpoint.
step() {
    local name=$1 limit=$(($2 * patience)) begun=$SECONDS status most=$(($(left) - grace))
    shift 2
    [ "$limit" -gt "$most" ] && limit=$most
    if [ "$limit" -lt 3 ]; then
        printf '%s\t0\t0\tno time left\n' "$name" >>"$steps/steps.tsv"
        echo "$name: no time left"
        return 1
    fi
    { timeout --kill-after=$((grace * patience)) "$limit" "$@" >"$steps/$name.log" 2>&1; } 2>/dev/null
    status=$?
    case $status in
        0) status=ok ;;
        124 | 137) status="cut after $limit s" ;;
        *) status="exit $status" ;;
    esac
    printf '%s\t%s\t%s\t%s\n' "$name" $((SECONDS - begun)) "$limit" "$status" >>"$steps/steps.tsv"
    echo "$name: $status, $((SECONDS - begun)) s"
    merge
    [ "$status" = ok ]
}

adapter=${1:-0} label=none
step devices 20 "$saddle" devices
timeout 20 "$saddle" devices --json >"$steps/devices.json" 2>/dev/null
names=$(sed -n 's/^ *"name": "\(.*\)",\{0,1\}$/\1/p' "$steps/devices.json")
case $adapter in
    *[!0-9]*) name=$adapter ;;
    *) name=$(printf '%s\n' "$names" | sed -n "$((adapter + 1))p") ;;
esac
[ -n "$name" ] || { echo "there is no adapter $adapter here, see $steps/devices.log" >&2; cat "$steps/devices.log" >&2; merge; exit 1; }
rm -f "$out"/hardware-none.*
label=$(printf '%s' "$name" | tr -cs 'A-Za-z0-9' '-' | sed 's/^-*//; s/-*$//' | cut -c1-60)
echo "on $name"
command -v nvidia-smi >/dev/null && step nvidia-smi 10 nvidia-smi
merge

export SADDLE_TEST_ADAPTER=$adapter
tests() { # one program of tests; on a software driver those that this filter names
    local filter=()
    [ -n "$small" ] && filter=("$2")
    step "test-$1" "$3" "$here/bin/$1" "${filter[@]}"
    ! grep -q '^test result: ok. 0 passed' "$steps/test-$1.log" || echo "test-$1: no test has this name"
}
tests kernels_data ticks 20
tests kernels_optimizers zeros 20
tests kernels_random edges 20
tests kernels_pointwise no_instruction 25
tests kernels_reductions maxima 25
tests kernels_recurrent gru_grad 25
tests kernels_products matmul_epilogues 45
tests gradients detach 20
tests determinism another_seed 20
tests variants is_here 40

few=() && [ -n "$small" ] && few=(--only "matmul,pad,tick,gan")
step check 45 "$saddle" check --adapter "$adapter" --json "$steps/check.json" "${few[@]}"

nets=gan,dcgan,dcgan-64,vae-gan,lstm-gan
others=wgan,ae,vae,ae-gan,dbm,dbm-gan,lstm,lstm-text,lstm-gan-conv,timegan,rvae,rvae-gan
effort=(--seconds 0.05 --limit 4) shapes=4
[ -n "$small" ] && nets=gan others=wgan,dbm effort=(--seconds 0.001 --limit 3) shapes=0
for half in "" --half; do
    kind=portable && [ -n "$half" ] && kind=half
    step "bench-$kind" 45 "$saddle" bench --adapter "$adapter" $half --only $nets --shapes $shapes "${effort[@]}" --json "$steps/bench-$kind.json"
    step "bench-$kind-others" 40 "$saddle" bench --adapter "$adapter" $half --only $others --shapes 0 "${effort[@]}" --json "$steps/bench-$kind-others.json"
done

rounds=300 every=30
[ -n "$small" ] && rounds=6 every=2
losses() { # DEVICE VARIANT SECONDS
    local run=$here/runs/$2-$1 less=()
    [ -n "$small" ] && case $2 in
        dcgan | vae-gan) less=(--batch 8 --set width=4) ;;
        lstm-gan) less=(--batch 8) ;;
    esac
    rm -rf "$run"
    step "train-$2-$1" "$3" "$saddle" train "$2" --adapter "$4" --steps $rounds --set log_every=$every --set sample_every=0 --set checkpoint_every=0 "${less[@]}" --out "$run"
    [ -e "$run/metrics.jsonl" ] && cp "$run/metrics.jsonl" "$steps/losses-$2-$1.jsonl"
}
variants="gan dcgan lstm-gan vae-gan dbm"
for variant in $variants; do losses device "$variant" 15 "$adapter"; done
for variant in $variants; do losses cpu "$variant" 20 cpu; done
merge

# --- PyTorch beside it -----------------------------------------------------------------------------------------------------
if command -v python3 >/dev/null && python3 -c 'import torch' 2>/dev/null; then
    turns=(--turns 3 --seconds 0.5) && [ -n "$small" ] && turns=(--turns 1 --seconds 0.01 --only gan)
    for ways in eager,graphs compile; do
        limit=60 && [ $ways = compile ] && limit=45
        step "torch-${ways%%,*}" $limit python3 benches/torch_on_gpu.py --saddle "$saddle" --adapter "$adapter" --ways $ways "${turns[@]}" --json "$steps/torch-${ways%%,*}.json"
    done
else
    echo "PyTorch is not here: what it does on the same nets is left out"
fi

# --- a model ---------------------------------------------------------------------------------------------------------------
run=$here/runs/mnist data=$here/mnist model=(--set width=64) more=(--effort 0.1)
length=20000 && [ -n "$small" ] && length=10 model=(--set width=4 --batch 8) more=(--effort 0.002 --count 100)
[ -d "$data" ] || { echo "MNIST was not packed: drawn digits stand in"; data=digits; }
rm -rf "$run"
step mnist-train 75 "$saddle" train dcgan --data "$data" --adapter "$adapter" --steps $length --set sample_every=0 --set checkpoint_every=1000 "${model[@]}" --out "$run"
[ -e "$run/metrics.jsonl" ] && cp "$run/metrics.jsonl" "$steps/mnist.jsonl"
step mnist-sample 15 "$saddle" sample "$run" --adapter "$adapter" --out "$out/mnist-$label.png"
step mnist-eval 60 "$saddle" eval "$run" --adapter "$adapter" "${more[@]}" --json
[ -e "$steps/mnist-eval.log" ] && sed -n '/^[[{]/,/^[]}]/p' "$steps/mnist-eval.log" >"$steps/mnist-eval.json"
merge
echo "done in $SECONDS s: $out"
