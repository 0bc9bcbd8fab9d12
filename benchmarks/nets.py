"""A step of the patch network beside its two matrix products and PyTorch, weightings, and corruptions never seen.

``python benchmarks/nets.py`` prints the first two parts; ``step``, ``weightings``, ``few-shot`` or ``trunks`` one.
1,000 rows of two patches of 1,000 numbers under 20 filters (m = 10 a class), 20 tasks, float32, one thread; the least
of many turns in alternation.

``few-shot [--data digits-C | MNIST5k-C] [--seeds 5]``: every corruption is left out in turn, and then learned from 1,
5 or 10 images of each class in seven ways. Accuracy on 600 test images, mean over corruptions; standard errors are
those of the mean over seeds.

``trunks``, with the same options: what nets fitted to all corruptions, to one, or never, have learned of each: accuracy
of linear probes on the test images, and linear CKA between the features of two nets.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
from importlib.util import find_spec

import numpy as np
from sklearn.linear_model import LogisticRegression

from kinfolk.nets import SharedFeatureClassifier, linear_cka, linear_probe, load_digits_c, load_mnist5k_c
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


SHOTS = (1, 5, 10)
WAYS = {
    "adapted": "a head over the trunk of the others, drawn to theirs",
    "finetuned": "from there on everything",
    "others": "a head over the trunk of the others, drawn to zero",
    "one other": "the same over the trunk of one other task",
    "random": "over a trunk that was never fitted",
    "pixels": "over pixels",
    "alone": "a net of its own",
}
LOADERS = {"digits-C": (load_digits_c, 190, 50, 120, 240), "MNIST5k-C": (load_mnist5k_c, 200, 100, 200, 400)}


def few_of_each_class(y, shots, generator):
    order = generator.permutation(len(y))
    return np.concatenate([order[y[order] == label][:shots] for label in np.unique(y)])


def net_on(tasks, rows, seed, **parameters):
    shared = {"task": "task", "image_shape": tasks.image_shape, "early_stopping": False, "log_every": 1000}
    model = SharedFeatureClassifier.practical(**shared, random_state=seed, device="cpu", **parameters)
    return model.fit(tasks.X.iloc[rows], tasks.y[rows])


def never_fitted(tasks, rows, seed):
    return net_on(tasks, rows, seed, max_iter=1, learning_rate=1e-12, head="per_task")


def mean_and_error(values):
    return f"{np.mean(values):.3f} ({np.std(values, ddof=1) / len(values) ** 0.5:.3f})"


def left_out(data, seed):
    """Accuracy by corruption, way and number of labels; under ("adapted", 0) that of the common head without labels."""
    loader, dealt, kept, alone_steps, together_steps = LOADERS[data]
    tasks = loader(n_samples=dealt, random_state=seed)
    generator = np.random.default_rng(seed)
    label, tested = tasks.X["task"].to_numpy(), tasks.X_test["task"].to_numpy()
    names = list(dict.fromkeys(label))
    own = {name: np.flatnonzero(label == name) for name in names}
    found = {}
    for place, name in enumerate(names):
        others = np.concatenate([own[other][:kept] for other in names if other != name])
        neighbour = own[names[place - 1]][:kept]
        X_test, y_test = tasks.X_test[tested == name], tasks.y_test[tested == name]
        others_net = net_on(tasks, others, seed, max_iter=together_steps, unseen="population")
        found[name, "adapted", 0] = others_net.score(X_test, y_test)
        trunks = {
            "others": others_net,
            "one other": net_on(tasks, neighbour, seed, max_iter=alone_steps, batch_size=32),
            "random": never_fitted(tasks, neighbour, seed),
        }
        features = {way: (trunk.transform(X_test) / trunk.feature_scale_, trunk) for way, trunk in trunks.items()}
        for shots in SHOTS:
            rows = own[name][few_of_each_class(tasks.y[own[name]], shots, generator)]
            X, y = tasks.X.iloc[rows], tasks.y[rows]
            found[name, "adapted", shots] = others_net.adapt(X, y).score(X_test, y_test)
            found[name, "finetuned", shots] = others_net.adapt(X, y, mode="finetune").score(X_test, y_test)
            for way, (tested_features, trunk) in features.items():
                head = LogisticRegression(max_iter=1000).fit(trunk.transform(X) / trunk.feature_scale_, y)
                found[name, way, shots] = head.score(tested_features, y_test)
            pixels = LogisticRegression(max_iter=1000).fit(X.drop(columns="task"), y)
            found[name, "pixels", shots] = pixels.score(X_test.drop(columns="task"), y_test)
            alone = net_on(tasks, rows, seed, max_iter=alone_steps, batch_size=32)
            found[name, "alone", shots] = alone.score(X_test, y_test)
    return found


def few_shot(data, n_seeds):
    seeds = [left_out(data, seed) for seed in range(n_seeds)]
    names = list(dict.fromkeys(name for name, _, _ in seeds[0]))

    def cell(chosen, way, shots):
        return mean_and_error([np.mean([seed[name, way, shots] for name in chosen]) for seed in seeds])

    print(f"{data}, {n_seeds} seeds; by the common head of the others, without any label {cell(names, 'adapted', 0)}")
    print(f"{'images of each class':66}" + "".join(f"{shots:>16}" for shots in SHOTS))
    for way, words in WAYS.items():
        print(f"{way:12}{words:54}" + "".join(f"{cell(names, way, shots):>16}" for shots in SHOTS))
    columns = [("adapted", 0), *((way, 5) for way in WAYS)]
    print(f"\n{'5 of each class':16}{'no label':>16}" + "".join(f"{way:>16}" for way in WAYS))
    for line, of in [(name, [name]) for name in names] + [("but invert", [name for name in names if name != "invert"])]:
        print(f"{line:16}" + "".join(f"{cell(of, *column):>16}" for column in columns))


def what_trunks_hold(data, seed):
    """Means over tasks: accuracy of probes by trunk, and CKA by pair of trunks from different starts."""
    loader, _, kept, alone_steps, together_steps = LOADERS[data]
    tasks = loader(n_samples=kept, random_state=seed)
    label, tested = tasks.X["task"].to_numpy(), tasks.X_test["task"].to_numpy()
    own = {name: np.flatnonzero(label == name) for name in dict.fromkeys(label)}
    starts, found = [], {}
    for start in (seed, seed + 1000):
        everything = np.arange(len(label))
        together = net_on(tasks, everything, start, max_iter=together_steps)
        alone = [net_on(tasks, rows, start, max_iter=alone_steps, batch_size=32) for rows in own.values()]
        starts.append((together, alone, never_fitted(tasks, everything, start)))
    for place, name in enumerate(own):
        X, y = tasks.X_test[tested == name], tasks.y_test[tested == name]
        first, second = (
            {
                "all tasks": together.transform(X),
                "its task": alone[place].transform(X),
                "another task": alone[place - 1].transform(X),
                "no task": never.transform(X),
            }
            for together, alone, never in starts
        )
        for trunk, features in (first | {"pixels": X.drop(columns="task")}).items():
            found.setdefault(("probe", trunk), []).append(linear_probe(features, y)["accuracy"].item())
        pairs = [(trunk, trunk) for trunk in first]
        for one, other in (*pairs, ("its task", "another task"), ("all tasks", "its task"), ("all tasks", "no task")):
            cka = linear_cka(first[one], second[other], debiased=True)
            found.setdefault(("CKA", f"{one}, {other}"), []).append(cka)
    return {key: np.mean(values) for key, values in found.items()}


def trunks(data, n_seeds):
    seeds = [what_trunks_hold(data, seed) for seed in range(n_seeds)]
    print(f"{data}, {n_seeds} seeds")
    for kind, name in seeds[0]:
        print(f"{kind:8}{name:28}{mean_and_error([seed[kind, name] for seed in seeds]):>16}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=["step", "weightings", "few-shot", "trunks"])
    parser.add_argument("--data", choices=list(LOADERS), default="digits-C")
    parser.add_argument("--seeds", type=int, default=5)
    chosen = parser.parse_args()
    for name, run in (("few-shot", few_shot), ("trunks", trunks)):
        if chosen.part == name:
            run(chosen.data, chosen.seeds)
    for name, run in (("step", step), ("weightings", weightings)):
        if chosen.part in (None, name):
            run()
