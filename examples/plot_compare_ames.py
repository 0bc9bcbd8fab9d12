"""
Does sharing help, and whom?
============================

Sales of houses in 28 neighbourhoods of Ames: methods compared on the same folds, and the gain of each neighbourhood.
"""

import matplotlib.pyplot as plt

import kinfolk
from kinfolk.datasets import load_ames

ames = load_ames()
few = ["Lot_Area", "Gr_Liv_Area", "Year_Built", "Year_Remod_Add", "Full_Bath", "Fireplaces", "Garage_Cars"]
X = ames.X[[*few, "neighborhood"]]
comparison = kinfolk.compare(X, ames.y, task="neighborhood", methods=["PooledRidge", "PartialPoolingRegressor"])
print(comparison)

# %%
# Gains are against fitting each neighbourhood alone, on held-out sales; bars are one paired standard error.

figure, axes = plt.subplots(figsize=(7, 4))
for shift, method in enumerate(["PooledRidge", "PartialPoolingRegressor"]):
    tasks = comparison.tasks.query("method == @method and n_tested > 0").sort_values("n_rows")
    axes.errorbar(tasks["n_rows"] * 1.06**shift, tasks["gain"], tasks["gain_se"], fmt="o", markersize=4, label=method)
axes.axhline(0.0, color="0.6", linewidth=1)
axes.set(xscale="log", xlabel="sales in the neighbourhood", ylabel="gain over its own fit", ylim=(-1.5, 0.8))
axes.legend()
figure.tight_layout()
