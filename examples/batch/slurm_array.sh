#!/bin/bash
# A job in shards as a Slurm array: each task computes the shards k with k % n == i, and whoever ends
# last writes manifest.json. A task that is killed or preempted is requeued and goes on where it
# stopped; all tasks must see the same folder, and locks (flock) must work on it, as on NFS 4.
#
#   sbatch slurm_array.sh job.toml /shared/runs/2026-11-26
#
# All nodes must have processors of one kind and the same versions: margins of others may differ in
# the last bit, which the run cannot tell.
#SBATCH --job-name=jaxmargin
#SBATCH --array=0-7
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
#SBATCH --time=02:00:00
#SBATCH --requeue
#SBATCH --output=jaxmargin-%A-%a.out

set -euo pipefail
job=$1
out=$2

# compiled programs are kept in a folder of one's own, which the tasks of a node share
export JAXMARGIN_CACHE="${JAXMARGIN_CACHE:-$HOME/.cache/jaxmargin}"

exec jaxmargin run "$job" --out "$out" \
    --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" \
    --log "$out.$SLURM_ARRAY_TASK_ID.log" --log-format json
