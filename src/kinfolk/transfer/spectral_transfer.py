"""Spectral transfer as a scikit-learn estimator."""

import warnings
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import clone

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError
from kinfolk.transfer.coordinates import Coordinates, coordinates, directions, stacked
from kinfolk.transfer.refit import Refit, errors_by_response, refit
from kinfolk.transfer.responses import Responses, check_folds, is_whole
from kinfolk.transfer.selection import KINDS, Progress, Selection, paired_gain, select
from kinfolk.transfer.source import Source, read_sources
from kinfolk.transfer.wide import Rows, WideRegressor

_SELECTED = ("kind", "source", "free", "strength", "rank", "share")
_PENALTIES = {"both": ("l1", "ridge"), "l1": ("l1",), "ridge": ("ridge",)}


class SpectralTransferRegressor(WideRegressor):
    r"""A small study with many responses that borrows the singular directions of a fitted source study.

    With the source's coefficients :math:`C_0 = U_0 D_0 V_0^\top` (p features, q responses; no row of the source
    is needed),

    .. math:: \min_{U, D, V} \frac{1}{2 n} \|Y - 1 a^\top - X U D V^\top\|_F^2
              + \lambda \|U_\perp^\top U\|_1 + \lambda \|V_\perp^\top V\|_1 ,
              \qquad U^\top U = V^\top V = I_r ,

    where :math:`U_\perp, V_\perp` are all directions but the leading ones of the source, which are free. Beside it
    stand the graded ridge, which penalises squares instead (`kinfolk.transfer.candidates`), the source's coefficients
    with an offset, and the target alone; which of them, how many directions are free and how strong the penalty
    is are chosen by one cross-validation over the target's rows.

    Parameters
    ----------
    source : array, DataFrame, estimator, tuple, dict, list or None
        What the source study has found; forms and alignment by name are those of `kinfolk.transfer.source`: a matrix of
        coefficients (n_responses, n_features), a fitted linear estimator, subspaces ``(U, V)`` or ``(U, d, V)``, or
        several of them: then each is tried alone, and the directions of all together. Where source and target both
        carry names they are aligned by name: features and responses that the source lacks are outside its
        directions, and are penalised as such. None: the target alone.
    rank : {"rsc", "cv"} or int, default="rsc"
        Rank r of spectral transfer: by the rank selection criterion of Bunea, She and Wegkamp (2011), or that of the
        best closed-form candidate in cross-validation ("cv"; also where the criterion does not exist, with no
        rows left over the features' rank). The other candidates take their best rank in cross-validation. A
        number holds for all (but the rank of an offset).
    free : "cv", int or (int, int), default="cv"
        Number of leading source directions that cost nothing, among features and among responses.
    penalty : {"both", "l1", "ridge"}, default="both"
        What may penalise the other directions.
    candidates : sequence of {"target", "l1", "ridge", "offset"}
        What may be selected; default: all. Without "target" the fit borrows whatever it costs.
    safe : float, default=0
        Borrow only when the cross-validated gain over the target alone exceeds so many of its standard errors.
    combine : {"average", "best"}, default="average"
        The fit is the average over the candidates, by exponential weights in their cross-validated errors (stabler with
        few rows), or the best one alone (of rank r and, from the l1 penalty, sparse in the source's directions).
    cv : int or splitter, default=5
        Folds over rows, shuffled; or a scikit-learn splitter or list of (train, test).
    fit_intercept : bool, default=True
        False: features and responses are taken as centred already.
    standardize : bool, default=True
        Put features into units of their standard deviation and responses into units of their residual standard
        deviation (source included), so that units do not matter. False: as the paper.
    max_iter : int, default=1000
        Most sweeps of the solver for one penalty in the last fit, and most turns of EM where responses are missing.
    random_state : int, RandomState or None, default=0
        Deals the rows over the folds.

    Attributes
    ----------
    coef_ : (q, p) array, or (p,) for a single response
    intercept_ : (q,) array or float
    selected_ : dict
        What was selected: ``kind`` ("target", "source", "offset", "l1" or "ridge"), ``source``, ``free``, ``strength``,
        ``rank``, ``share``.
    transfer_gain_, transfer_gain_se_ : float
        Share of the target's own cross-validated error that the best borrowing candidate saves (whether or not
        it was selected), and the standard error of this paired difference over folds. NaN without a source.
    cv_table_ : DataFrame
        A row a candidate: ``kind, source, free_u, free_v, strength, rank, share, error, gain, gain_se, weight,
        selected``. Errors are mean squares in units of the responses' noise; ``share`` is that of an offset.
    path_ : DataFrame
        The rows of ``cv_table_`` of spectral transfer.
    response_gains_ : DataFrame
        A row a response: ``response``, cross-validated errors ``target`` and ``borrowed`` (the best borrowing
        candidate), ``gain`` and ``gain_se``. Empty without a source.
    U_, d_, V_ : (p, r), (r,) and (q, r) arrays
        Factors of the coefficients in standardised units, ``coef = V diag(d) U'``.
    omega_u_, omega_v_ : (k - free, r) and (l - free, r) arrays
        Coordinates of the factors along the directions that were not free: with exact zeros from the l1 penalty. Empty
        for the target alone.
    directions_ : DataFrame
        A row a direction of the selected source: ``side`` ("features" or "responses"), ``direction`` (its number),
        ``known`` (False for those that complete the source's), ``free``, and its ``share`` of the fit's squared
        coefficients. Empty for the target alone.
    sources_ : DataFrame
        A row a source: ``source``, and how many of the target's ``features`` and ``responses`` it covers.
    data_ : dict
        ``rows`` (of positive weight), ``features``, ``responses``, ``missing`` (share of the responses).
    response_names_ : list of str or None
        Columns of y, where it is a DataFrame.
    result_ : Refit
        The last fit in standardised units: ``n_iter``, ``settled``. Not in a model file.
    n_iter_ : int

    Notes
    -----
    Zhao, Kolar and Lv (2026), arXiv 2604.20161; the solver is kinfolk's own (`kinfolk.transfer.factors`), and so is the
    choice by cross-validation (the paper's uses an information criterion inside the folds). The l1 norm
    depends on the basis of the directions that the source does not determine: see
    `kinfolk.transfer.coordinates`. With fewer than four rows nothing can be held out, and the target is
    fitted alone, with a warning.

    Examples
    --------
    >>> from kinfolk import SpectralTransferRegressor
    >>> from kinfolk.datasets import make_spectral_transfer
    >>> study = make_spectral_transfer((30, 12), n_samples=60, random_state=0)
    >>> model = SpectralTransferRegressor(study.source).fit(study.X, study.Y)
    >>> model.coef_.shape, bool(model.transfer_gain_ > 0.05)
    ((12, 30), True)
    """

    _not_kept = ("source",)
    _fitted = (
        "coef_",
        "intercept_",
        "selected_",
        "transfer_gain_",
        "transfer_gain_se_",
        "cv_table_",
        "path_",
        "response_gains_",
        "U_",
        "d_",
        "V_",
        "omega_u_",
        "omega_v_",
        "directions_",
        "sources_",
        "data_",
        "response_names_",
        "n_iter_",
        "_single",
    )

    def __init__(
        self,
        source: Any,
        *,
        rank: str | int = "rsc",
        free: Any = "cv",
        penalty: str = "both",
        candidates: Sequence[str] = KINDS,
        safe: float = 0.0,
        combine: str = "average",
        cv: Any = 5,
        fit_intercept: bool = True,
        standardize: bool = True,
        max_iter: int = 1000,
        random_state: Any = 0,
    ) -> None:
        self.source = source
        self.rank = rank
        self.free = free
        self.penalty = penalty
        self.candidates = candidates
        self.safe = safe
        self.combine = combine
        self.cv = cv
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.max_iter = max_iter
        self.random_state = random_state

    def __sklearn_clone__(self) -> Self:
        """An unfitted copy that keeps the source as it is (a fitted source stays fitted)."""
        parameters = self.get_params(deep=False)
        source = parameters.pop("source")
        return type(self)(source, **{name: clone(value, safe=False) for name, value in parameters.items()})

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, progress: Progress | None = None) -> Self:
        """Choose and fit.

        Parameters
        ----------
        X : DataFrame or array, (n, p)
        y : (n, q), or (n,) for one response
            Wide data: a column a response. NaN where a response is missing.
        sample_weight : (n,) array, optional
            A row of weight 2 counts as two rows; rows of weight 0 are left out.
        progress : callable, optional
            Called as ``progress(done, total, what)``.

        Returns
        -------
        self

        Raises
        ------
        InputError
            When data, source or parameters cannot be used; the message names what was found, the rule and the remedy.
        """
        rows = self._read(X, y, sample_weight)
        kinds = self._check_parameters(min(rows.features.shape[1], rows.targets.shape[1]))
        sources = self._sources(rows, kinds)
        study = self._study(rows)
        folds = study.folds(self.cv, self.random_state, rows.used) if len(study.Z) >= 4 else []
        folds = folds if any(study.seen[test].any() for _, test in folds) else []
        untold = "" if folds else f"{len(study.Z)} rows: none can be held out to test the source by"
        untold = untold or ("" if study.Z.any() and study.Y.any() else "features or responses do not vary")
        if untold and sources:
            warnings.warn(f"{untold}, and the target was fitted alone.", UserWarning, stacklevel=2)
            sources = []
        at = in_coordinates(sources, study)
        free = (self.free, self.free) if is_whole(self.free, 0, 2**31) else self.free
        rank = self.rank if isinstance(self.rank, str) else int(self.rank)
        chosen, settings = select(
            study,
            at,
            folds,
            rank=rank,
            free=free,
            kinds=kinds,
            safe=self.safe,
            average=self.combine == "average",
            progress=progress,
        )
        self.result_ = refit(chosen, study, settings, self.max_iter)
        self._publish(study, chosen, at.get(chosen.selected.source))
        self._tell_responses(study, chosen, settings, folds)
        self._warn_unless_settled(self.result_.settled, "the fit")
        return self

    def _sources(self, rows: Rows, kinds: list[str]) -> list[Source]:
        """The sources in the target's layout; sets ``sources_``."""
        p, q = rows.features.shape[1], rows.targets.shape[1]
        named = rows.feature_names if hasattr(self, "feature_names_in_") else None
        found = []
        if self.source is not None:
            found = read_sources(
                self.source, features=named, responses=self.response_names_, n_features=p, n_responses=q
            )
        covered = [(one.name, int(one.features.sum()), int(one.responses.sum())) for one in found]
        self.sources_ = pd.DataFrame(covered, columns=["source", "features", "responses"])
        if found and kinds == ["offset"] and all(one.coef is None for one in found):
            raise InputError(
                "candidates=('offset',) needs a source's coefficients; subspaces alone have none. Give "
                "(U, d, V) or coefficients, or add 'l1' or 'ridge' to candidates."
            )
        return found

    def _publish(self, study: Responses, chosen: Selection, at: Coordinates | None) -> None:
        """Attributes in the user's units."""
        one, result = chosen.selected, self.result_
        counts = {"rows": len(study.Z), "features": study.Z.shape[1], "responses": study.Y.shape[1]}
        self.data_ = counts | {"missing": 1.0 - float(study.seen.mean())}
        self._publish_coefficients(study, result.coef, result.offset)
        self.selected_ = {name: getattr(one, name) for name in _SELECTED}
        self.cv_table_ = chosen.table()
        self.path_ = self.cv_table_[self.cv_table_["kind"] == "l1"].reset_index(drop=True)
        gain = (np.nan, np.nan) if chosen.borrowed is None else chosen.gain(chosen.borrowed)
        self.transfer_gain_, self.transfer_gain_se_ = gain
        self.n_iter_ = result.n_iter
        self.U_, self.d_, self.V_ = factors_of(result, at)
        nothing = np.zeros((0, len(self.d_)))
        self.omega_u_, self.omega_v_ = nothing, nothing
        self.directions_ = pd.DataFrame(columns=["side", "direction", "known", "free", "share"])
        if at is None:
            return
        omegas = at.U.T @ self.U_, at.V.T @ self.V_
        if result.factors is not None:
            omegas = result.factors.omega_u[0, 0].T, result.factors.omega_v[0, 0].T
        self.omega_u_, self.omega_v_ = omegas[0][one.free[0] :], omegas[1][one.free[1] :]
        tables = []
        for side, omega, known, free in zip(
            ("features", "responses"), omegas, (at.known_u, at.known_v), one.free, strict=True
        ):
            number = np.arange(len(omega))
            share = ((omega * self.d_) ** 2).sum(axis=1) / max(float((self.d_**2).sum()), 1e-300)
            columns = {"direction": number + 1, "known": number < known, "free": number < free, "share": share}
            tables.append(pd.DataFrame({"side": side, **columns}))
        self.directions_ = pd.concat(tables, ignore_index=True)

    def _tell_responses(self, study: Responses, chosen: Selection, settings: Any, folds: Any) -> None:
        """Set ``response_gains_``."""
        rows = []
        if chosen.borrowed is not None:
            counts = np.array([study.weights[test] @ study.seen[test] for _, test in folds])
            alone, borrowed = (
                errors_by_response(one, chosen, study, settings, folds) for one in (chosen.target, chosen.borrowed)
            )
            total = np.maximum(counts.sum(axis=0), 1e-300)
            for j, name in enumerate(self._response_labels(study.Y.shape[1])):
                gain, error = paired_gain(borrowed[:, j], alone[:, j], counts[:, j], chosen.repeats)
                errors = [float(part[:, j].sum() / total[j] * study.y_scale[j] ** 2) for part in (alone, borrowed)]
                rows.append((name, *errors, gain, error))
        self.response_gains_ = pd.DataFrame(rows, columns=["response", "target", "borrowed", "gain", "gain_se"])

    def _check_parameters(self, most: int) -> list[str]:
        """Refuse parameters that mean nothing; the kinds of candidates."""
        if not (self.rank in ("rsc", "cv") or is_whole(self.rank, 1, most)):
            raise InputError(
                f"rank must be 'rsc', 'cv' or a whole number from 1 to min(features, responses) = {most}; "
                f"got {self.rank!r}."
            )
        pair = self.free if isinstance(self.free, tuple) and len(self.free) == 2 else (self.free, self.free)
        if not ((isinstance(self.free, str) and self.free == "cv") or all(is_whole(one, 0, 2**31) for one in pair)):
            raise InputError(
                f"free must be 'cv', a whole number >= 0 or two of them (features, responses); got {self.free!r}."
            )
        if self.penalty not in list(_PENALTIES):
            raise InputError(f"penalty must be one of {', '.join(map(repr, _PENALTIES))}; got {self.penalty!r}.")
        given = [self.candidates] if isinstance(self.candidates, str) else self.candidates
        wanted = list(given) if isinstance(given, Iterable) else []
        if not wanted or any(one not in KINDS for one in wanted):
            raise InputError(f"candidates must be some of {', '.join(map(repr, KINDS))}; got {self.candidates!r}.")
        if not (isinstance(self.safe, Real) and 0 <= float(self.safe) < np.inf):
            raise InputError(f"safe must be a number of standard errors >= 0; got {self.safe!r}.")
        if self.combine not in ("average", "best"):
            raise InputError(f"combine must be 'average' or 'best'; got {self.combine!r}.")
        for name in ("fit_intercept", "standardize"):
            if not isinstance(getattr(self, name), bool | np.bool_):
                raise InputError(f"{name} must be True or False; got {getattr(self, name)!r}.")
        check_folds(self.cv, max_iter=self.max_iter)
        kinds = [one for one in wanted if one in ("target", "offset", *_PENALTIES[self.penalty])]
        if not kinds:
            raise InputError(
                f"penalty={self.penalty!r} leaves nothing of candidates={self.candidates!r}: add a candidate, or use "
                "penalty='both'."
            )
        return kinds


def in_coordinates(sources: list[Source], study: Responses) -> dict[str, Coordinates]:
    """Each source in the study's standardised units, and all of them together when there are several."""
    found, parts = {}, []
    for source in sources:
        if source.coef is not None:
            coef = source.coef.T * study.x_scale[:, None] / study.y_scale
            part = directions(coef, study.Z)
        else:
            coef = None
            left = np.linalg.qr(source.U * study.x_scale[:, None])[0]
            right = np.linalg.qr(source.V / study.y_scale[:, None])[0]
            part = left, np.ones(left.shape[1]), right
        parts.append(part)
        found[source.name] = coordinates(part[0], part[2], coef, study.Z, study.Y)
    if len(parts) > 1:
        found["all sources"] = coordinates(*stacked(parts), None, study.Z, study.Y)
    return found


def factors_of(result: Refit, at: Coordinates | None) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Factors of the coefficients: those of the solver, else the singular value decomposition."""
    if result.factors is not None and at is not None:
        fit = result.factors
        return at.U @ fit.U[0, 0].T, fit.d[0, 0], at.V @ fit.V[0, 0].T
    U, d, Vt = np.linalg.svd(result.leading, full_matrices=False)
    rank = int(np.count_nonzero(d > 1e-10 * max(float(d[0]), 1e-300)))
    return U[:, :rank], d[:rank], Vt[:rank].T
