#!/usr/bin/env bash
# Runs a small sweep as a job array under Slurm on two nodes that are both this host, kills a task, submits again, and holds
# the table against that of a run without Slurm. Needs Debian's slurm-wlm and munge, and root; listens on loopback only.
# Not part of the tests: `scripts/test_slurm.sh [PROGRAM]`.
set -euo pipefail
cd "$(dirname "$0")/.."
program=$(realpath "${1:-target/release/wafersim}")
scripts=$PWD/scripts
for needed in slurmctld slurmd sbatch munged; do
    command -v "$needed" >/dev/null || { echo "$needed is missing: apt-get install slurm-wlm munge" >&2; exit 2; }
done
work=$(mktemp -d)
host=$(hostname -s)
cores=$(nproc)
mkdir -p "$work"/{state,n1,n2}

cat >"$work/slurm.conf" <<CONF
ClusterName=test
SlurmUser=root
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
MaxArraySize=4
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/%n
SlurmctldPidFile=$work/ctld.pid
SlurmdPidFile=$work/%n.pid
SlurmctldLogFile=$work/ctld.log
SlurmdLogFile=$work/%n.log
MpiDefault=none
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=17001 CPUs=$cores
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=17002 CPUs=$cores
PartitionName=all Nodes=n1,n2 Default=YES State=UP
CONF
export SLURM_CONF=$work/slurm.conf WAFERSIM=$program

started=
stop() {
    scontrol shutdown >/dev/null 2>&1 || true
    pkill -F "$work/n1.pid" 2>/dev/null || true
    pkill -F "$work/n2.pid" 2>/dev/null || true
    [[ -n $started ]] && pkill -x munged || true
    # The daemons write their state as they end.
    sleep 2
    rm -rf "$work"
}
trap stop EXIT
if ! munge -n </dev/null 2>/dev/null | unmunge >/dev/null 2>&1; then
    install -d -o munge -g munge -m 0755 /run/munge
    setpriv --reuid=munge --regid=munge --init-groups munged
    started=yes
fi
slurmctld
slurmd -N n1
slurmd -N n2
for _ in $(seq 60); do
    [[ $(sinfo -h -t idle -o %D) == 2 ]] && break
    sleep 0.5
done
sinfo

cat >"$work/tiny.toml" <<'SWEEP'
schema = "wafersim-sweep-1"
[sweep]
asks = "What do zeros buy?"
workload = "llama2-tiny"
arch = "cs3"
gpus = []
[set]
fabric.width_pes = 16
fabric.height_pes = 8
io.prefetch_mib = 1
[[axes]]
key = "sparsity.level"
range = { from = 0.0, to = 0.9, step = 0.1 }
SWEEP
# wait_for JOB: until it has left the queue.
wait_for() {
    while [[ -n $(squeue -h -j "$1" 2>/dev/null) ]]; do sleep 0.3; done
}
# The table without what differs from host to host.
table() {
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) skip[i] = $i ~ /^(wall_seconds|peak_memory_bytes)$/ }
             { line = ""; for (i = 1; i <= NF; i++) if (!skip[i]) line = line $i ","; print line }' "$1"
}
cd "$work"
"$program" sweep run ./tiny.toml --out alone >/dev/null
"$program" sweep plan ./tiny.toml
said=$("$scripts/sweep.sbatch" reports/tiny --cpus-per-task=1)
echo "$said"
job=$(sed 's/.*of job \([0-9]*\);.*/\1/' <<<"$said")
sleep 1
scancel --signal=KILL "${job}_2" || true
wait_for "$job"
"$program" sweep status reports/tiny
said=$("$scripts/sweep.sbatch" reports/tiny --cpus-per-task=1)
echo "$said"
wait_for "$(sed 's/.*merged by job \([0-9]*\).*/\1/' <<<"$said")"
"$program" sweep status reports/tiny
diff <(table alone/tiny/points.csv) <(table reports/tiny/points.csv)
echo "the same table with Slurm on two nodes and without"
