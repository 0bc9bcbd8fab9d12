"""
Double descent of coupled tasks
===============================

With a weak ridge the error peaks where a model interpolates. Coupling lowers the peak and moves it.
"""

import matplotlib.pyplot as plt
import numpy as np

from kinfolk.theory import Problem, learning_curve

study = Problem(n_features=40, n_samples=40, n_tasks=5, similarity=0.5, noise=0.25)
rows = np.unique(np.geomspace(3, 200, 60).round())
penalties = {
    "hardly coupled, c = 0.01": {"lam": 0.001, "c": 0.01},
    "coupled, c = 0.5": {"lam": 0.001, "c": 0.5},
    "nearly pooled, c = 0.99": {"lam": 0.001, "c": 0.99},
    "the best penalty": {},
}

figure, axes = plt.subplots(figsize=(7, 4))
for name, penalty in penalties.items():
    curve = learning_curve(study, over="n_samples", values=rows, **penalty)
    peaks = ", ".join(f"{peak.height:.2f} at {peak.at:.0f} rows" for peak in curve.peaks)
    print(f"{name}: {peaks or 'no peak'}")
    axes.plot(curve.values, curve.test, label=name)
axes.set(xscale="log", xlabel="rows of each task (40 features, 5 tasks)", ylabel="predicted test error")
axes.legend()
figure.tight_layout()
