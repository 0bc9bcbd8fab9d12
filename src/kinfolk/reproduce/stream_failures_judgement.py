"""What the measurements of `kinfolk.reproduce.stream_failures` say of each claim.

Numbers of a second implementation are decibels, mostly the difference to the same run without the fault. Its tasks had
no common level, and its graph was learned without shrinkage: its largest eigenvalue times ``mu eta`` was 0.23, here it
is about 0.03, so that strong coupling is given by that product and not by the factor.
"""

from collections.abc import Callable, Iterator, Mapping

from kinfolk.reproduce.claims import Claim, at_least, at_most, near
from kinfolk.reproduce.plan import Row, gathered, mean
from kinfolk.reproduce.stream_failures import SHARES

ALONE = -18.86
LEVELS = {"diffusion": -21.5, "filter": -22.8}  # no fault
CHANGES = {  # of diffusion, in dB
    **{f"{share:.0%} lost, dropped": by for share, by in zip(SHARES, (0.0, 0.15, 0.5, 1.4), strict=True)},
    **{f"{share:.0%} lost, stale": by for share, by in zip(SHARES, (-0.1, 0.0, -0.1, -0.2), strict=True)},
    **{f"{share:.0%} lost, zero": by for share, by in zip(SHARES, (0.3, 1.1, 1.9, 2.3), strict=True)},
    "2 dead, dropped": 0.1,
    "2 dead, stale": -0.2,
    "2 dead, zero": 0.7,
    "1 rounds late": -0.1,
    "5 rounds late": -0.1,
    "20 rounds late": -0.4,
    "100 rounds late": -0.2,
    "coupling x 3": 0.4,
    "1 sends garbage, cap 1": -0.2,
    "cap 1": 0.0,
}
FILTER = {  # levels
    "50% lost, stale": -22.8,
    "90% lost, stale": -23.1,
    "20 rounds late": -23.3,
    "50% lost, 20 rounds late": -23.35,
    "coupling x 100, 50% lost, 20 rounds late": -17.2,
}
NOISE = {
    "student": {"alone": -21.6, "diffusion": -23.0},  # not clipped: -20.0 and -21.8, where single rows decide
    "outliers": {"alone, plain": -5.9, "alone": -18.4, "diffusion": -21.3},
}
DRIFT = {
    1e-3: {"alone": -18.7, "diffusion, once": -19.0, "diffusion": -19.9, "track": -20.8},
    1e-2: {"alone": -17.2, "diffusion": -17.3, "track": -17.5},
}
_MOVED = -21.5  # the filter with drift, half of the messages lost and 20 rounds late
_MARGIN, _CHANCE = 1.5, 0.8
_DIVERGED = 40.0  # dB, and more


def _messages(rows: list[Row]) -> Iterator[Claim]:
    for (rule, drift), group in gathered(rows, "rule", "drift"):
        found = {name: mean(group, name) for name in group[0] if isinstance(group[0][name], float)}
        if rule == "diffusion":
            yield from _diffusion(found)
        elif drift == 0.0:
            yield from _filter(found)
        else:
            yield from _moving(found)


def _diffusion(found: Mapping[str, float]) -> Iterator[Claim]:
    yield near("alone: deviation in dB, second implementation", found["alone"], ALONE, 1.2)
    yield near("diffusion, no fault: dB, second implementation", found["no fault"], LEVELS["diffusion"], 1.2)
    by = {name: found[name] - found[_usual(name)] for name in found if name not in ("alone", "alone, others")}
    for name, expected in CHANGES.items():
        margin = _MARGIN if "zero" in name else _CHANCE
        yield near(f"diffusion, {name}: dB from no fault, second implementation", by[name], expected, margin)
    for share in SHARES:
        stale, zero = by[f"{share:.0%} lost, stale"], by[f"{share:.0%} lost, zero"]
        yield at_most(f"diffusion, {share:.0%} lost, stale: dB from no fault", stale, 0.1)
        if share >= 0.3:
            worse = zero - by[f"{share:.0%} lost, dropped"]
            yield at_least(f"diffusion, {share:.0%} lost: zeros - dropped, dB", worse, 0.1)
    yield at_most("explicit diffusion, mu eta lambda_max = 1.5: dB", found["mu eta lambda_max = 1.5"], -10.0)
    for stiff in ("2.3", "11.5"):
        name = f"mu eta lambda_max = {stiff}"
        yield at_least(f"explicit diffusion, {name}, diverges: dB", found[name], _DIVERGED)
    yield at_least("diffusion, 1 sends garbage: dB from no fault", by["1 sends garbage"], 2.0)
    yield at_most("diffusion, 1 sends garbage, cap 1: dB from no fault", by["1 sends garbage, cap 1"], 0.5)
    yield at_most("diffusion, cap 1: dB from no fault", by["cap 1"], 0.1)


def _filter(found: Mapping[str, float]) -> Iterator[Claim]:
    yield near("filter, no fault: dB, second implementation", found["no fault"], LEVELS["filter"], 1.0)
    yield at_least("filter, no fault: gain on alone, dB", found["alone"] - found["no fault"], 2.0)
    for name, expected in FILTER.items():
        margin = 2.5 if "coupling" in name else _MARGIN  # then it is the graph that decides
        yield near(f"filter, {name}: dB, second implementation", found[name], expected, margin)
        if "coupling" not in name:
            yield at_most(f"filter, {name}: dB from no fault", found[name] - found["no fault"], 0.5)
    wild, capped = (found[f"1 sends garbage{how}"] - found["no fault, others"] for how in ("", ", kinfolk's cap"))
    yield at_least("filter, 1 sends garbage: dB from no fault", wild, 2.0)
    yield at_most("filter, 1 sends garbage, kinfolk's cap: dB from no fault", capped, 1.0)
    yield at_most("filter, kinfolk's cap: dB from no fault", found["kinfolk's cap"] - found["no fault"], 0.1)


def _moving(found: Mapping[str, float]) -> Iterator[Claim]:
    late = found["50% lost, 20 rounds late"]
    yield near("filter, drift 0.001, 50% lost, 20 rounds late: dB, second implementation", late, _MOVED, _MARGIN)
    yield at_most("filter, drift 0.001, 50% lost, 20 rounds late: dB from no fault", late - found["no fault"], 0.5)
    yield at_least("filter, drift 0.001, 50% lost, 20 rounds late: gain on alone, dB", found["alone"] - late, 1.0)


def _usual(name: str) -> str:
    """What a fault is held against."""
    aside = "dead" in name or "garbage" in name or name.endswith("others")
    return "no fault, others" if aside else "no fault"


def _noise(rows: list[Row]) -> Iterator[Claim]:
    for (noise,), group in gathered(rows, "noise"):
        found = {
            name: mean(group, name) for name in ("alone", "alone, plain", "diffusion", "diffusion, plain", "track")
        }
        for name, expected in NOISE[noise].items():
            words = name.replace("plain", "not clipped")
            margin = 2.5 if name.endswith("plain") else 2.0
            yield near(f"{noise} noise, {words}: dB, second implementation", found[name], expected, margin)
        for name, least in (("alone", 5.0), ("diffusion", 3.0)):
            gain = found[f"{name}, plain"] - found[name]
            yield at_least(f"{noise} noise, {name}: gain of the clip, dB", gain, least if noise == "outliers" else 0.5)
        yield at_least(f"{noise} noise: gain of the tracker on alone, dB", found["alone"] - found["track"], 0.8)


def _drift(rows: list[Row]) -> Iterator[Claim]:
    for (q,), group in gathered(rows, "drift"):
        found = {name: mean(group, name) for name in ("alone", "track", "diffusion", "diffusion, once")}
        for name, expected in DRIFT[q].items():
            yield near(f"drift {q:g}, {name}: dB, second implementation", found[name], expected, 1.0)
        yield at_most(f"drift {q:g}: tracker - alone, dB", found["track"] - found["alone"], 0.3 if q > 5e-3 else -0.8)
        worse = found["diffusion, once"] - found["diffusion"]
        yield at_least(f"drift {q:g}: diffusion on a graph of once - on one estimated anew, dB", worse, 0.4)
        if q > 5e-3:
            lost = found["diffusion, once"] - found["alone"]
            yield at_least(f"drift {q:g}: diffusion on a graph of once - alone, dB", lost, 1.0)


def _priors(rows: list[Row]) -> Iterator[Claim]:
    for (kind, scale), group in gathered(rows, "kind", "scale"):
        alone, track, diffusion = (mean(group, name) for name in ("alone", "track", "diffusion"))
        if kind == "unrelated":
            for name, level in (("tracker", track), ("diffusion", diffusion)):
                yield at_most(f"unrelated tasks of variance {scale:g}: {name} - alone, dB", level - alone, 0.1)
            continue
        if kind == "clusters":
            yield near("3 clusters, diffusion: dB, second implementation", diffusion, -25.5, _MARGIN)
        least = {"clusters": 4.0, "signs": 3.0}[kind]
        yield at_least(f"{_NAMES[kind]}: gain of diffusion on alone, dB", alone - diffusion, least)
        yield at_least(f"{_NAMES[kind]}: gain of the tracker on alone, dB", alone - track, least + 1.0)


_NAMES = {"clusters": "3 clusters", "signs": "2 groups of opposite signs"}
JUDGES: Mapping[str, Callable[[list[Row]], Iterator[Claim]]] = {
    "messages": _messages,
    "noise": _noise,
    "drift": _drift,
    "priors": _priors,
}
