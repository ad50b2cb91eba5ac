#!/usr/bin/env bash
# How fast several ranks are beside one, on the cores of this machine: rounds per second, in turn and three times each.
# Wants `mpirun` (openmpi-bin) and a quiet machine: `uptime` is printed before and after.
#
#   benches/ranks.sh [TIMES [FOLDER FOR RUNS]]
set -euo pipefail
cd "$(dirname "$0")/.."
saddle=$PWD/target/release/saddle
out=${2:-$(mktemp -d)}
mkdir -p "$out"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
declare -A net=([dcgan]="" [dcgan-64]="--set size=64 --set channels=3")

# Rounds per second after the first line of metrics, and the share of time in which ranks add up.
speed() {
    python3 -c '
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
first, last = lines[0], lines[-1]
rate = (last["step"] - first["step"]) / (last["seconds"] - first["seconds"])
summing = sum(line.get("summing", 0) for line in lines[1:]) / (len(lines) - 1)
print(f"{rate:.3f} rounds/s, {1000 / rate:.0f} ms, summing {100 * summing:.1f} %")' "$1"
}

# NET RANKS THREADS ACCUMULATE BATCH STEPS
measure() {
    local name=$1-$2x$3-$4-$RANDOM
    RAYON_NUM_THREADS=$3 mpirun --oversubscribe --bind-to none -n "$2" "$saddle" train dcgan --data digits ${net[$1]} \
        --set width=64 --set ema=0 --adapter cpu --set accumulate="$4" --batch "$5" --steps "$6" \
        --set log_every=$(($6 / 4)) --set sample_every=0 --set checkpoint_every=0 --out "$out/$name" \
        >/dev/null 2>"$out/$name.log"
    printf '%s, batch %s, %s x %s threads, accumulate=%s: %s\n' "$1" "$5" "$2" "$3" "$4" "$(speed "$out/$name/metrics.jsonl")"
}

uptime
for _ in $(seq "${1:-3}"); do
    for of in "dcgan 40" "dcgan-64 8"; do
        read -r name steps <<<"$of"
        measure "$name" 1 2 1 64 "$steps"
        measure "$name" 1 2 2 64 "$steps"
        measure "$name" 2 1 2 64 "$steps"
    done
    # For the model of docs/scaling.md.
    for ranks in 1 2 3 4; do
        measure dcgan "$ranks" 1 "$ranks" 48 40
    done
done
uptime
