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
from scipy.sparse.csgraph import minimum_spanning_tree

from kinfolk.graph import estimate_laplacian


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


PARTS = {"laplacian": laplacians}


def main():
    """Print the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=f"of {', '.join(PARTS)}")
    for part in parser.parse_args().parts:
        PARTS[part]()


if __name__ == "__main__":
    main()
