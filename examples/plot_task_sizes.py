"""
Shrinkage by the size of a task
===============================

A neighbourhood with five sales leans on the others; one with four hundred hardly needs them.
"""

import matplotlib.pyplot as plt
import numpy as np

import kinfolk
from kinfolk.datasets import load_ames

ames = load_ames()
columns = ["Gr_Liv_Area", "Year_Built", "neighborhood"]
alone = kinfolk.IndependentRidge(task="neighborhood").fit(ames.X[columns], ames.y)
together = kinfolk.PartialPoolingRegressor(task="neighborhood").fit(ames.X[columns], ames.y)

# %%
# How far the price of living area in each neighbourhood is from that of the population.

sizes = ames.X["neighborhood"].value_counts().reindex(together.tasks_).to_numpy()
population = together.population_coef_[0]
own, shared = alone.coef_[:, 0], together.coef_[:, 0]
for few in (True, False):
    chosen = (sizes < 30) == few
    spread = np.abs(own - population)[chosen].mean(), np.abs(shared - population)[chosen].mean()
    print(f"{chosen.sum()} tasks with {'fewer than' if few else 'at least'} 30: {spread[0]:.3f} -> {spread[1]:.3f}")

figure, axes = plt.subplots(figsize=(7, 4))
axes.vlines(sizes, own, shared, color="0.8", zorder=0)
axes.scatter(sizes, own, s=18, color="0.5", label="each task alone")
axes.scatter(sizes, shared, s=18, color="C0", label="partial pooling")
axes.axhline(population, color="C1", linewidth=1, label="population")
axes.set(xscale="log", xlabel="sales in the neighbourhood", ylabel="log price per unit of log living area")
axes.legend()
figure.tight_layout()
