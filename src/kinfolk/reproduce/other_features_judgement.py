"""What the measurements of `kinfolk.reproduce.other_features` say of each claim."""

from collections.abc import Callable, Iterator, Mapping

from kinfolk.reproduce.claims import Claim
from kinfolk.reproduce.deviations import agree, agrees, deviation, exceeds, z_score
from kinfolk.reproduce.gaussian_tasks_judgement import known_and_not
from kinfolk.reproduce.plan import Row, gathered

LIGHT, HEAVY = ("Gaussian", "-1 or 1", "uniform"), ("t_3", "a tenth is not 0")


def _laws(rows: list[Row]) -> Iterator[Claim]:
    everywhere = [row for row in rows if row["spread"] == row["p"] and row["labels"] == "own"]
    cells = list(gathered(everywhere, "law", "loss", "alpha"))
    if cells:
        yield from agree("independent features of any law, row norms known", [cell for _, cell in cells])
    light = [cell for sizes, cell in cells if sizes[0] in LIGHT]
    if light:
        yield from agree("light tails: as Gaussian features", light, "plain")
    heavy = [cell for sizes, cell in cells if sizes[0] in HEAVY]
    if heavy:
        yield exceeds("heavy tails: above Gaussian features", [z_score(cell, predicted="plain") for cell in heavy])
    for (law, loss, labels, spread), cell in gathered(rows, "law", "loss", "labels", "spread"):
        title = f"{loss} loss, features {law}, coefficients on {spread} of {cell[0]['p']}"
        if labels == "sign" and spread < 5:
            off = f"{100 * deviation(cell):.0f}%"
            yield exceeds(f"{title}: below the prediction ({off})", [-z_score(cell)])
        elif (labels == "sign" and spread == cell[0]["p"]) or (labels == "own" and spread < 5):
            yield agrees(f"{title}: as predicted", cell)


def _images(rows: list[Row]) -> Iterator[Claim]:
    """Digits are beyond the limit: few of their features are ever active, and there are 1,797 rows in all."""
    natural = [row for row in rows if row["features"] != "digits"]
    if natural:
        yield from known_and_not(natural, ("features", "loss", "alpha"), "row norms of natural images")
    for (loss,), group in gathered([row for row in rows if row["features"] == "digits"], "loss"):
        cells = [cell for _, cell in gathered(group, "alpha")]
        nearer = [
            z_score([row | {"middle": 0.5 * (row["predicted"] + row["plain"])} for row in cell], predicted="middle")
            for cell in cells
        ]
        yield exceeds(f"digits, {loss} loss: nearer to the prediction that knows row norms", nearer)
        if loss == "squared":
            yield exceeds("digits, squared loss: above it nevertheless", [z_score(cell) for cell in cells])


def _spectra(rows: list[Row]) -> Iterator[Claim]:
    yield from known_and_not(rows, ("spectrum", "loss", "alpha"), "the spectrum")


JUDGES: Mapping[str, Callable[[list[Row]], Iterator[Claim]]] = {
    "laws": _laws,
    "images": _images,
    "spectra": _spectra,
}
