"""
The guard: weights of methods, task by task
===========================================

Twenty-four tasks with a common model, six with its signs turned. Pooling hurts the six; the guard leaves them alone.
"""

import matplotlib.pyplot as plt
import numpy as np

import kinfolk
from kinfolk.datasets import make_clustered_tasks

tasks = make_clustered_tasks(1, n_tasks=30, n_samples=12, n_features=6, random_state=0)
odd = np.arange(30) >= 24
y = np.where(odd[tasks.X["task"]], -tasks.y, tasks.y)
new_X, new_y = tasks.sample(200, random_state=1)
new_y = np.where(odd[new_X["task"]], -new_y, new_y)

guard = kinfolk.GuardedRegressor(["PooledRidge"], task="task").fit(tasks.X, y)
alone = kinfolk.IndependentRidge(task="task").fit(tasks.X, y)
pooled = kinfolk.PooledRidge(task="task").fit(tasks.X, y)


# %%
# Errors on new rows.


def error(model, which):
    """Mean squared error of the tasks that are chosen."""
    rows = which[new_X["task"]]
    return np.mean((new_y[rows] - model.predict(new_X[rows])) ** 2)


for name, model in (("alone", alone), ("pooled", pooled), ("guard", guard)):
    print(f"{name}: {error(model, ~odd):.2f} in the 24 tasks, {error(model, odd):.2f} in the 6 odd ones")

figure, axes = plt.subplots(figsize=(7, 3.5))
bottom = np.zeros(30)
for name, weight in zip(guard.candidates_, guard.weights_.T, strict=True):
    axes.bar(guard.tasks_, weight, bottom=bottom, label=name)
    bottom += weight
axes.axvline(23.5, color="k", linewidth=1)
axes.set(xlabel="task (the odd ones are to the right)", ylabel="weight")
axes.legend(loc="lower left", framealpha=1.0)
figure.tight_layout()
