"""Multi-task learning over learned task graphs: arXiv 2510.10570 and arXiv 2608.26989.

The claims are measured in parts, each a module with its ``MEASUREMENTS``, ``FULL`` and ``QUICK``, its ``JUDGES``
(``_judgement``) and its ``DRAWINGS`` (``_figures``); names of measurements differ over all parts.

- `kinfolk.reproduce.laplacian_error`: how well the graph is told by models that every task has learned alone;
- `kinfolk.reproduce.streams`: what tasks gain that learn row by row on a graph, and how the graph must not be learned;
- `kinfolk.reproduce.stream_failures`: messages lost and late, outliers, drift, and tasks that were drawn from no graph.
"""

from functools import partial

from kinfolk.reproduce import laplacian_error, stream_failures, streams
from kinfolk.reproduce.plan import Measurements, Plan, carry_out

_PARTS = (laplacian_error, streams, stream_failures)

FULL: Plan = {name: cells for part in _PARTS for name, cells in part.FULL.items()}
QUICK: Plan = {name: cells for part in _PARTS for name, cells in part.QUICK.items()}
MEASUREMENTS: Measurements = {name: measured for part in _PARTS for name, measured in part.MEASUREMENTS.items()}
measure = partial(carry_out, MEASUREMENTS)
