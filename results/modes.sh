#!/usr/bin/env bash
# Ten seeds of `saddle train gan` on ring and on grid; prints each run and the means with their standard errors.
# usage: results/modes.sh [FOLDER FOR THE RUNS]
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-runs/modes}
cargo build --release --quiet
for data in ring grid; do
    for seed in 0 1 2 3 4 5 6 7 8 9; do
        out=$(target/release/saddle train gan --data "$data" --seed "$seed" --adapter cpu --out "$runs/$data-$seed" 2>/dev/null)
        echo "$data $seed $(grep '^modes' <<<"$out")"
    done
done | tee "$runs.txt"
awk '{ split($4, m, "/"); n[$1]++; v[1] = m[1]; v[2] = $7; v[3] = $NF
       for (i = 1; i <= 3; i++) { s[$1, i] += v[i]; q[$1, i] += v[i] * v[i] } }
     END { for (d in n) { printf "%s:", d
       for (i = 1; i <= 3; i++) { mean = s[d, i] / n[d]; var = (q[d, i] - n[d] * mean * mean) / (n[d] - 1)
         printf " %.4g +- %.2g", mean, sqrt((var > 0 ? var : 0) / n[d]) } print "" } }' "$runs.txt"
