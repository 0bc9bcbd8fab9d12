"""A step of the patch network in units of its two matrix products, beside PyTorch, and weightings of tasks.

``python benchmarks/nets.py`` prints both parts; ``step`` or ``weightings`` one of them. 1,000 rows of two patches of
1,000 numbers under 20 filters (m = 10 a class), 20 tasks, float32, one thread; the least of many turns in alternation.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
from importlib.util import find_spec

import numpy as np

from kinfolk.nets.heads import Heads, aligned_start
from kinfolk.nets.patch_network import PatchNetwork
from kinfolk.nets.weighting import WEIGHTINGS, make_rule, matched

TASKS, ROWS, PATCHES, DIMENSION, FILTERS = 20, 50, 2, 1000, 20


def network(kind="shared", trained=False):
    generator = np.random.default_rng(0)
    n = TASKS * ROWS
    return PatchNetwork(
        generator.standard_normal((n, PATCHES, DIMENSION), dtype=np.float32) / np.float32(DIMENSION**0.5),
        generator.integers(0, 2, n).astype(np.float32),
        np.repeat(np.arange(TASKS), ROWS),
        np.full(n, 1 / ROWS, dtype=np.float32),
        Heads(kind, TASKS, aligned_start(1, FILTERS), trained),
        "logistic",
        FILTERS,
        3,
    )


def start(net):
    filters = 0.1 * np.random.default_rng(1).standard_normal(net.n_encoder)
    return net.assemble({"filters": filters}, np.concatenate(net.heads.begin()))


def best(*functions, repeats=60):
    """Milliseconds of each: the least and the median of turns that are taken in alternation."""
    times = [[] for _ in functions]
    for _ in range(repeats):
        for function, found in zip(functions, times, strict=True):
            begun = time.perf_counter()
            function()
            found.append(1e3 * (time.perf_counter() - begun))
    return [(min(found), float(np.median(found))) for found in times]


def products(net, theta):
    rows, filters = net.patches.reshape(-1, DIMENSION), theta[: net.n_encoder].reshape(FILTERS, DIMENSION)
    forward, backward = np.empty((len(rows), FILTERS), np.float32), np.empty_like(filters)

    def both():
        np.matmul(rows, filters.T, out=forward)
        np.matmul(forward.T, rows, out=backward)

    return both


def torch_step(net, theta):
    import torch

    from kinfolk.nets.torch_network import TorchNetwork
    from kinfolk.nets.trunks import PatchEncoder

    torch.set_num_threads(1)
    module = PatchEncoder(DIMENSION, FILTERS, 3)
    rows, y, weights = (torch.from_numpy(part) for part in (net.patches, net.y, net.weights))
    other = TorchNetwork(module, rows, y, net.codes, weights, net.heads, net.loss)
    tensor = torch.from_numpy(theta.copy())
    return lambda: tensor - 0.25 * other.gradient(tensor)[1]


def step():
    print(f"{'heads':24}{'products':>10}{'step':>8}{'ratio':>8}{'torch':>8}{'ratio':>8}   (ms; ratios to products)")
    for kind, trained in (("shared", False), ("shared+specific", True)):
        net = network(kind, trained)
        theta = start(net)
        ours = lambda net=net, theta=theta: theta - 0.25 * net.gradient(theta)[1]  # noqa: E731
        there = [torch_step(net, theta)] if find_spec("torch") else []
        found = [least for least, _ in best(products(net, theta), ours, *there)]
        name = f"{kind}, {'trained' if trained else 'frozen'}"
        peer = f"{found[2]:8.2f}{found[2] / found[0]:8.2f}" if there else "   PyTorch is not installed"
        print(f"{name:24}{found[0]:10.2f}{found[1]:8.2f}{found[1] / found[0]:8.2f}{peer}")


def weightings():
    print(f"{'weighting':14}{'ms a step':>10}{'ratio to equal':>16}")
    net = network()
    theta = start(net)
    steps = []
    for name in WEIGHTINGS:
        rule = make_rule(name, TASKS, np.random.default_rng(0))

        def one(rule=rule):
            if rule is None:
                return net.gradient(theta)[1]
            losses, gradients, _ = net.jacobian(theta)
            return matched(rule(losses, gradients), gradients.sum(axis=0))

        steps.append(one)
    found = best(*steps, repeats=30)
    for name, (least, _) in zip(WEIGHTINGS, found, strict=True):
        print(f"{name:14}{least:10.2f}{least / found[0][0]:16.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=["step", "weightings"])
    part = parser.parse_args().part
    for name, run in (("step", step), ("weightings", weightings)):
        if part in (None, name):
            run()
