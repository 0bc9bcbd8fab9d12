"""Task graphs: ways to the Laplacian, the coupled solve, whole fits, and accuracy on graphs that are known.

Random geometric graphs of mean degree 8, weights between 0.5 and 3, columns of W drawn from N(0, L^+). ``gap`` is the
objective above the best one found, ``relerr`` ``|L_hat - L| / |L|`` (Frobenius).
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import minimum_spanning_tree

import kinfolk
from kinfolk.datasets import make_clustered_tasks, make_shared_representation, make_unrelated_tasks
from kinfolk.graph import estimate_laplacian
from kinfolk.graph.candidates import Points, nearest_pairs
from kinfolk.graph.coupled import Blocks, Coupling, draws, solve
from kinfolk.graph.likelihood import laplacian_matrix
from kinfolk.tasks import TaskData


def geometric_graph(n_tasks, degree, generator):
    """Laplacian of a random geometric graph, connected."""
    places = generator.random((n_tasks, 2))
    apart = ((places[:, None] - places) ** 2).sum(axis=2)
    near = apart <= np.partition(apart, n_tasks + degree * n_tasks, axis=None)[n_tasks + degree * n_tasks]
    tree = minimum_spanning_tree(apart).toarray() > 0
    weights = np.where(np.triu(near | tree | tree.T, 1), generator.uniform(0.5, 3.0, apart.shape), 0.0)
    weights += weights.T
    return np.diag(weights.sum(axis=1)) - weights


def field(laplacian, n_coordinates, generator):
    """Coefficients whose columns are independent N(0, L^+)."""
    values, vectors = np.linalg.eigh(laplacian)
    return (vectors[:, 1:] * values[1:] ** -0.5) @ generator.normal(size=(len(values) - 1, n_coordinates))


def timed(job):
    """Result and CPU seconds."""
    start = time.process_time()
    return job(), time.process_time() - start


def laplacians():
    """Estimators of the Laplacian, side by side."""
    print(f"{'K':>5}{'M':>5}  {'method':28}{'CPU s':>8}{'gap':>10}{'KKT':>9}{'relerr':>8}{'steps':>7}")
    methods = {
        "edge": {},
        "edge, 12 neighbours": {"mask": 12},
        "multiplicative": {"method": "multiplicative"},
        "multiplicative, 12 neighbours": {"method": "multiplicative", "mask": 12, "max_iter": 20},
        "gradient (Barzilai-Borwein)": {"method": "gradient", "max_iter": 3000},
        "neighbourhood": {"method": "neighbourhood"},
        "marginal": {"method": "marginal"},
    }
    for n_tasks, n_coordinates in ((50, 100), (100, 100), (200, 100), (200, 50), (500, 50), (1000, 50)):
        generator = np.random.default_rng(0)
        laplacian = geometric_graph(n_tasks, 8, generator)
        W = field(laplacian, n_coordinates, generator)
        found = {}
        for name, arguments in methods.items():
            slow = name in ("edge", "multiplicative", "gradient (Barzilai-Borwein)") and n_tasks > 500
            if slow or (name.startswith("gradient") and n_tasks > 200):
                continue
            found[name] = timed(lambda arguments=arguments, W=W: estimate_laplacian(W, shrinkage=0.0, **arguments))
        best = min(estimate.objective for estimate, _ in found.values())
        size = np.linalg.norm(laplacian)
        for name, (estimate, seconds) in found.items():
            error = np.linalg.norm(estimate.laplacian.toarray() - laplacian) / size
            print(
                f"{n_tasks:5}{n_coordinates:5}  {name:28}{seconds:8.3f}{estimate.objective - best:10.1e}"
                f"{estimate.kkt_residual:9.1e}{error:8.3f}{estimate.n_iter:7}"
            )
    generator = np.random.default_rng(0)
    laplacian = geometric_graph(5000, 8, generator)
    W = np.linalg.cholesky(np.linalg.inv(laplacian + 1.0 / 5000)) @ generator.normal(size=(5000, 50))
    for max_iter in (6, 12):
        estimate, seconds = timed(lambda max_iter=max_iter: estimate_laplacian(W, "multiplicative", max_iter=max_iter))
        print(f" 5000   50  sketched, {max_iter} steps: {seconds:.2f} CPU s, {estimate.laplacian.nnz // 2} edges")


def community_graph(n_tasks, generator, groups=5, inside=0.7, between=0.005):
    """Laplacian of communities, by default dense inside and hardly joined."""
    group = np.arange(n_tasks) % groups
    joined = np.triu(generator.random((n_tasks, n_tasks)) < np.where(group[:, None] == group, inside, between), 1)
    joined[np.arange(groups - 1), np.arange(1, groups)] = True
    weights = np.where(joined, generator.uniform(0.5, 3.0, joined.shape), 0.0)
    weights += weights.T
    return np.diag(weights.sum(axis=1)) - weights


def random_graph(n_tasks, generator):
    """Laplacian of a random graph of mean degree 6."""
    joined = np.triu(generator.random((n_tasks, n_tasks)) < 6.0 / n_tasks, 1)
    joined[np.arange(n_tasks - 1), np.arange(1, n_tasks)] |= ~(joined | joined.T).any(axis=1)[:-1]
    weights = np.where(joined, generator.uniform(0.5, 3.0, joined.shape), 0.0)
    weights += weights.T
    return np.diag(weights.sum(axis=1)) - weights


GRAPHS = {
    "sbm": community_graph,
    "weak sbm": lambda n, generator: community_graph(n, generator, 4, 0.5, 0.02),
    "rgg": lambda n, generator: geometric_graph(n, 6, generator),
    "er": random_graph,
}


def known_graph(laplacian, X, y, codes, d):
    """Posterior means on the true graph."""
    n_tasks = len(laplacian)
    A = np.kron(laplacian + 1e-3 * np.eye(n_tasks), np.eye(d)).reshape(n_tasks, d, n_tasks, d)
    own = np.arange(n_tasks)
    A[own, :, own, :] += np.stack([X[codes == t].T @ X[codes == t] for t in own])
    b = np.stack([X[codes == t].T @ y[codes == t] for t in own])
    return np.linalg.solve(A.reshape(n_tasks * d, -1), b.ravel()).reshape(n_tasks, d)


def batch():
    """NMSE = |W_hat - W|^2 / |W|^2, sigma = 1; tasks are a draw on the graph and a common mean.

    The last two columns are of a study of the same sizes whose graphs are not recorded: compare ratios, with care.
    """
    rows = [
        (50, 20, (10, 10), "sbm", False, 0.182, 0.172),
        (50, 20, (30, 30), "sbm", False, 0.080, 0.065),
        (50, 20, (20, 20), "rgg", False, 0.193, 0.117),
        (50, 20, (20, 20), "sbm", True, 0.288, 0.100),
        (40, 15, (4, 40), "sbm", False, 0.148, 0.122),
        (30, 40, (30, 30), "er", False, 0.101, 0.113),
        (50, 20, (10, 10), "weak sbm", False, 0.182, 0.172),
        (50, 20, (30, 30), "weak sbm", False, 0.080, 0.065),
    ]
    methods = {
        "alone": kinfolk.IndependentRidge(task=-1),
        "pooled": kinfolk.PooledRidge(task=-1),
        "mean-reg": kinfolk.PartialPoolingRegressor("scalar", task=-1),
        "MTRL": kinfolk.TaskGraphRegressor("mtrl", task=-1),
        "graph": kinfolk.TaskGraphRegressor(task=-1),
    }
    heads = "".join(f"{name:>10}" for name in (*methods, "oracle", "study m-r", "study"))
    print(f"{'T':>5}{'d':>4}{'n':>8} {'kind':14}{heads}{'CPU s':>8}")
    for n_tasks, d, (least, most), kind, signs, regularised, expected in rows:
        found, seconds = [], []
        for seed in range(4):
            generator = np.random.default_rng(seed)
            laplacian = GRAPHS[kind](n_tasks, generator)
            W = field(laplacian, d, generator) + 0.67 * generator.normal(size=d)
            if signs:
                W *= generator.choice((-1.0, 1.0), size=(n_tasks, 1))
            codes = np.repeat(np.arange(n_tasks), generator.integers(least, most + 1, size=n_tasks))
            X = generator.normal(size=(len(codes), d))
            y = (X * W[codes]).sum(axis=1) + generator.normal(size=len(codes))
            fits = {
                name: timed(lambda m=m, X=X, y=y, c=codes: m.fit(np.column_stack((X, c)), y))
                for name, m in methods.items()
            }
            seconds.append(fits["graph"][1])
            coefs = [fit.coef_ for fit, _ in fits.values()] + [known_graph(laplacian, X, y, codes, d)]
            found.append([((coef - W) ** 2).sum() / (W**2).sum() for coef in coefs])
        values = "".join(f"{value:10.3f}" for value in (*np.mean(found, axis=0), regularised, expected))
        rows_each = f"{least}" if least == most else f"{least}..{most}"
        print(f"{n_tasks:5}{d:4}{rows_each:>8} {kind + (', signs' if signs else ''):14}{values}{np.mean(seconds):8.2f}")


def fits():
    """Whole fits of many tasks in 20 clusters, and tasks that have nothing in common."""
    print(f"{'workload':38}{'method':28}{'NMSE':>8}{'CPU s':>8}")
    workloads = {
        "1000 x 20 rows, d = 20, 20 clusters": make_clustered_tasks(20, 1000, 20, 20, signal=20.0, random_state=0),
        "60 x 20 rows, d = 20, 5 clusters": make_clustered_tasks(5, 60, 20, 20, random_state=0),
        "60 x 40 rows, d = 50, unrelated": make_unrelated_tasks(60, 40, 50, random_state=0),
        "100 x 50 rows, d = 100, rank 5 (W1)": make_shared_representation(random_state=0),
    }
    for name, data in workloads.items():
        for method in (
            kinfolk.IndependentRidge(task="task"),
            kinfolk.PartialPoolingRegressor("scalar", task="task"),
            kinfolk.TaskGraphRegressor(task="task"),
        ):
            fit, seconds = timed(lambda method=method, data=data: method.fit(data.X, data.y))
            error = ((fit.coef_ - data.coef) ** 2).sum() / (data.coef**2).sum()
            print(f"{name:38}{type(method).__name__:28}{error:8.3f}{seconds:8.2f}")


def solves():
    """The coupled solve: d = 20, 15 rows a task, 12 neighbours; coupling as strong as the rows, and ten times that."""
    print(f"{'T':>6}{'coupling':>9}{'1 rhs, 1e-8':>18}{'7 rhs, 1e-4':>18}")
    for n_tasks in (200, 1000, 5000):
        generator = np.random.default_rng(0)
        codes = np.repeat(np.arange(n_tasks), 15)
        X, y = generator.normal(size=(len(codes), 20)), generator.normal(size=len(codes))
        moments = TaskData.build(X, y, codes, n_tasks).moments()
        blocks = Blocks(moments, moments.factor())
        first, second = nearest_pairs(Points(generator.normal(size=(n_tasks, 3))), 12)
        for strength in (1.0, 10.0):
            weights = np.full(len(first), strength * 15.0 / 16.0)
            edges = np.arange(len(first))
            ends = (np.concatenate((first, second)), np.concatenate((edges, edges)))
            root = csr_array((np.sqrt(np.tile(weights, 2)) * np.repeat((1.0, -1.0), len(first)), ends))
            coupling = Coupling(laplacian_matrix(n_tasks, first, second, weights), root, 0.1, 1e-3)
            (_, one), seconds = timed(lambda b=blocks, c=coupling: solve(b, c, b.b[:, :, None], tol=1e-8))
            rhs = draws(blocks, coupling, 7, 0)
            (_, many), more = timed(lambda b=blocks, c=coupling, r=rhs: solve(b, c, r, tol=1e-4))
            print(f"{n_tasks:6}{strength:9.0f}{seconds:9.3f} s {one:3} it{more:9.3f} s {many:3} it")


PARTS = {"laplacian": laplacians, "solve": solves, "batch": batch, "fit": fits}


def main():
    """Print the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=f"of {', '.join(PARTS)}")
    for part in parser.parse_args().parts:
        PARTS[part]()


if __name__ == "__main__":
    main()
