"""
Who is like whom: a learned task graph
======================================

Forty tasks in four clusters, twelve rows each. The clusters are not told; the edges find them.
"""

import matplotlib.pyplot as plt
import numpy as np

import kinfolk
from kinfolk.datasets import make_clustered_tasks

tasks = make_clustered_tasks(4, n_tasks=40, n_samples=12, n_features=12, random_state=0)
for method in (kinfolk.IndependentRidge, kinfolk.PartialPoolingRegressor, kinfolk.TaskGraphRegressor):
    model = method(task="task").fit(tasks.X, tasks.y)
    print(f"{method.__name__}: excess error {tasks.excess_error(model.coef_, model.intercept_):.3f}")

# %%
# Weights between tasks, which are put in the order of their clusters for the picture only.

weights = model.graph_.toarray()
order = np.argsort(tasks.clusters, kind="stable")
same = tasks.clusters[:, None] == tasks.clusters
pairs = np.tril(np.ones_like(same), -1).astype(bool)
print(
    f"within a cluster: {weights[same].sum() / weights.sum():.0%} of the weight, {same[pairs].mean():.0%} of the pairs"
)

figure, axes = plt.subplots(figsize=(5, 4.4))
image = axes.imshow(weights[np.ix_(order, order)], cmap="Blues")
axes.set(xlabel="task, by cluster", ylabel="task, by cluster")
figure.colorbar(image, label="weight of the edge")
figure.tight_layout()
