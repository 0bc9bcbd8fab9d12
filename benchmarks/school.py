"""School data, ten published 75/25 splits: variance explained within schools, 1 - SSE / SST about school means."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
import time

import numpy as np

import kinfolk
from kinfolk.datasets import data_directory, load_real
from kinfolk.metrics import explained_variance_within
from kinfolk.validation import encode_labels


def main():
    """Print mean, spread and CPU seconds of each method."""
    folder = data_directory()
    if folder is None or not (folder / "school_ilea.parquet").is_file():
        sys.exit("The School data is absent: name its folder in KINFOLK_DATA. Nothing was measured.")
    school = load_real("school_ilea")
    splits = np.load(folder / "school_ilea_test_splits.npz")["test"]
    _, codes = encode_labels(school.X[school.task].to_numpy(dtype=object).astype(str).astype(object))
    y = school.y.to_numpy(dtype=float)
    print(f"{'method':32}{'within':>8}{'sd':>8}{'CPU s':>8}   (10 splits)")
    for method in kinfolk.all_estimators():
        scores, seconds = [], []
        for rows in splits:
            test = np.zeros(len(y), dtype=bool)
            test[rows[rows >= 0]] = True
            start = time.process_time()
            predicted = method(task=school.task).fit(school.X[~test], y[~test]).predict(school.X[test])
            seconds.append(time.process_time() - start)
            scores.append(explained_variance_within(y[test], predicted, codes[test]))
        print(f"{method.__name__:32}{np.mean(scores):8.4f}{np.std(scores):8.4f}{np.mean(seconds):8.2f}")


if __name__ == "__main__":
    main()
