"""
A new task from a few rows
==========================

Forty tasks are known. Ten new ones come with two, four, eight ... rows of thirty features each.
"""

import matplotlib.pyplot as plt
import numpy as np

import kinfolk
from kinfolk.datasets import make_shared_representation

tasks = make_shared_representation(n_tasks=50, n_samples=60, n_features=30, rank=3, random_state=0)
task = tasks.X["task"].to_numpy()
known = task < 40
model = kinfolk.SharedRepresentationRegressor(task="task").fit(tasks.X[known], tasks.y[known])
turn = np.arange(len(task)) % 60  # the number of a row in its task

sizes = [2, 4, 8, 16, 32, 60]
adapted, alone = [], []
for size in sizes:
    rows = ~known & (turn < size)
    new = model.adapt(tasks.X[rows], tasks.y[rows])
    own = kinfolk.IndependentRidge(task="task").fit(tasks.X[rows], tasks.y[rows])
    adapted.append(np.mean(((new.coef_[40:] - tasks.coef[40:]) ** 2).sum(axis=1)))
    alone.append(np.mean(((own.coef_ - tasks.coef[40:]) ** 2).sum(axis=1)))
    print(f"{size} rows: error of the coefficients {alone[-1]:.2f} alone, {adapted[-1]:.2f} adapted")

figure, axes = plt.subplots(figsize=(6, 4))
axes.plot(sizes, alone, "o-", color="0.5", label="the new task alone")
axes.plot(sizes, adapted, "o-", label="adapted, no refit")
axes.set(xscale="log", xlabel="rows of the new task", ylabel="squared error of its coefficients", xticks=sizes)
axes.set_xticklabels(sizes)
axes.minorticks_off()
axes.legend()
figure.tight_layout()
