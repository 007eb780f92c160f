"""Times of matrix products on the GPU at hand, dense, 2:4 and unstructured, as rows for `wafersim validate --data`.

usage: python measure_gpu.py ARCH OUT_DIR [--from CSV ...] [--most N] [--seconds S]
needs: torch with CUDA (2.4 or later); 2:4 needs a GPU of compute capability 8.0 or later

ARCH is the preset that the rows are of (a100-80g, h100-sxm, h200, or a file of one's own). Without --from, shapes are a
grid of tokens x layers of Llama-2; with it, those of the rows of CSVs like arch/silicon/gpu_gemm.csv.

Writes OUT_DIR/{measured_gemm,measured_sparse24,measured_spmm}.csv, complete or not at all:
  gpu_gemm              time of C[m, n] = A[m, k] B[n, k]^T, in us: median of runs, in a CUDA graph, with as many copies of
                        the operands in turn as the second-level cache does not hold
  gpu_sparse24_speedup  time with B dense over time with two of every four of B (cuSPARSELt, by torch.sparse)
  gpu_spmm_speedup      time with B dense over time with B in CSR (cuSPARSE, by torch.sparse), library=cusparse
`evidence` holds the range over repetitions and the software; a shape that the GPU has no memory or no kernel for is left
out and named on standard error.
"""
import argparse
import csv
import os
import statistics
import sys

import torch

HEADER = ["id", "kernel", "arch", "params", "metric", "value", "unit", "evidence", "source"]
TOKENS = [1, 16, 64, 128, 256, 512, 768, 769, 1024, 2048, 4096, 8192]
LAYERS = [(4096, 4096), (11008, 4096), (4096, 11008), (5120, 5120), (13824, 5120), (8192, 8192), (28672, 8192)]  # n, k
ZEROS = [0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99]
REPEATS = 5


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("arch")
    parser.add_argument("out")
    parser.add_argument("--from", dest="tables", nargs="*", default=[], metavar="CSV")
    parser.add_argument("--most", type=int, default=0, help="shapes, at most (0: all)")
    parser.add_argument("--seconds", type=float, default=0.05, help="of each repetition")
    return parser.parse_args()


def shapes(tables):
    """(m, n, k), each once, in the order of the tables."""
    found = {}
    for path in tables:
        with open(path, newline="") as table:
            for row in csv.DictReader(table):
                params = dict(part.split("=", 1) for part in row["params"].split(";") if "=" in part)
                if {"m", "n", "k"} <= params.keys():
                    found[tuple(int(params[side]) for side in "mnk")] = None
    return list(found) or [(m, n, k) for n, k in LAYERS for m in TOKENS]


def copies(bytes_of_one):
    """Sets of operands that together are four times the second-level cache, so that none is found there."""
    cache = torch.cuda.get_device_properties(0).L2_cache_size
    return max(1, min(64, -(-4 * cache // max(bytes_of_one, 1))))


def measure(run, operands, seconds):
    """Median, least and greatest time of run(*operands[i]) in us, over repetitions of a CUDA graph of all of them."""
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            for these in operands:
                run(*these)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph, stream=stream):
            for these in operands:
                run(*these)
        once = graph.replay
    except RuntimeError:  # some libraries cannot be captured: launches are in the time then
        torch.cuda.synchronize()

        def once():
            for these in operands:
                run(*these)

    def timed(times):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        for _ in range(times):
            once()
        end.record()
        torch.cuda.synchronize()
        return 1e3 * begin.elapsed_time(end) / times / len(operands)

    times = max(1, int(1e6 * seconds / (timed(1) * len(operands))))
    found = [timed(times) for _ in range(REPEATS)]
    return statistics.median(found), min(found), max(found)


def two_of_four(weights):
    """The two largest of every four, the others zero."""
    groups = weights.view(-1, 4)
    kept = groups.abs().topk(2, dim=1).indices
    return groups.mul(torch.zeros_like(groups).scatter_(1, kept, 1)).view_as(weights)


def write(path, rows):
    """All rows under a temporary name, then renamed."""
    partial = path + ".partial"
    with open(partial, "w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(HEADER)
        writer.writerows(rows)
    os.replace(partial, path)


class Rows:
    """Rows of the three kernels of one GPU."""

    def __init__(self, arch, seconds):
        self.arch, self.seconds = arch, seconds
        self.gemm, self.sparse24, self.spmm = [], [], []
        name = torch.cuda.get_device_name(0)
        self.source = f"scripts/measure_gpu.py on {name}, torch {torch.__version__}, CUDA {torch.version.cuda}"

    def add(self, table, kernel, name, params, metric, value, unit, spread):
        evidence = f"measured, {REPEATS} repetitions, {spread[0]:.4g}..{spread[1]:.4g}"
        table.append([name, kernel, self.arch, params, metric, f"{value:.4g}", unit, evidence, self.source])

    def shape(self, m, n, k):
        """All rows of a shape; what cannot run is named and left out."""
        shape, name = f"m={m};n={n};k={k};dtype=bf16", f"{self.arch}-{m}x{n}x{k}"
        count = copies(2 * (m * k + n * k + m * n))
        make = lambda rows, columns: torch.randn(rows, columns, device="cuda", dtype=torch.bfloat16)
        pairs = [(make(m, k), make(n, k)) for _ in range(count)]
        dense, least, most = measure(lambda a, b: a @ b.T, pairs, self.seconds)
        self.add(self.gemm, "gpu_gemm", f"gemm-{name}", shape, "time", dense, "us", (least, most))

        def speedup(table, kernel, label, params, run, operands):
            try:
                time, least, most = measure(run, operands(), self.seconds)
            except (RuntimeError, NotImplementedError, ValueError) as reason:
                print(f"{label}: {str(reason).splitlines()[0]}", file=sys.stderr)
                return
            self.add(table, kernel, label, params, "speedup_over_dense", dense / time, "ratio",
                     (dense / most, dense / least))

        # The sparse operand is the left one of these libraries: C^T = B A^T.
        semi = lambda: [(torch.sparse.to_sparse_semi_structured(two_of_four(b)), a.T.contiguous()) for a, b in pairs]
        speedup(self.sparse24, "gpu_sparse24_speedup", f"s24-{name}", shape, torch.mm, semi)
        for zeros in ZEROS:
            def unstructured():
                masked = [(b * (torch.rand_like(b, dtype=torch.float32) >= zeros), a) for a, b in pairs]
                return [(b.to_sparse_csr(), a.T.contiguous()) for b, a in masked]
            speedup(self.spmm, "gpu_spmm_speedup", f"csr-{name}-{100 * zeros:.0f}",
                    f"library=cusparse;sparsity={zeros};{shape}", torch.mm, unstructured)


def main():
    args = arguments()
    if not torch.cuda.is_available():
        sys.exit("error: torch finds no CUDA device")
    os.makedirs(args.out, exist_ok=True)
    rows = Rows(args.arch, args.seconds)
    wanted = shapes(args.tables)
    for m, n, k in wanted[: args.most or len(wanted)]:
        try:
            rows.shape(m, n, k)
        except torch.cuda.OutOfMemoryError:
            print(f"{m}x{n}x{k}: does not fit the memory of the GPU", file=sys.stderr)
        torch.cuda.empty_cache()
    for name, table in [("gemm", rows.gemm), ("sparse24", rows.sparse24), ("spmm", rows.spmm)]:
        write(os.path.join(args.out, f"measured_{name}.csv"), table)


if __name__ == "__main__":
    main()
