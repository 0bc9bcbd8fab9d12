"""
Do methods know how sure they are?
==================================

Intervals for sales of houses in Ames that no method saw: how many prices they hold, and why the 50% ones hold too many.
"""

import matplotlib.pyplot as plt

import kinfolk
from kinfolk.datasets import load_ames

ames = load_ames()
few = ["Lot_Area", "Gr_Liv_Area", "Year_Built", "Year_Remod_Add", "Full_Bath", "Fireplaces", "Garage_Cars"]
X = ames.X[[*few, "neighborhood"]]
comparison = kinfolk.compare(X, ames.y, task="neighborhood", methods=["PooledRidge", "PartialPoolingRegressor"])
print(comparison.calibration.round(3).to_string(index=False))

# %%
# Left with two standard errors over neighbourhoods. Right: the ends of the sorted residuals leave the normal line. A
# few sales are far off, so that stated deviations are larger than most sales need, and narrow intervals hold too many.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
kinfolk.plot_calibration(comparison, "PartialPoolingRegressor", ax=left)
kinfolk.plot_residuals(comparison, "PartialPoolingRegressor", kind="normal", ax=right)

# %%
# The same by task: where sharing helps.

axes = kinfolk.plot_task_errors(comparison, "PartialPoolingRegressor")
