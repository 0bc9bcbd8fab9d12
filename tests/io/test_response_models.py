"""Model files of estimators without tasks: what comes back is what went in, and nothing else is let in."""

import io
import json
import warnings
import zipfile

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal

from kinfolk import (
    InputError,
    ModelFileError,
    ReducedRankRegressor,
    SpectralTransferRegressor,
    load_model,
    save_model,
)
from kinfolk.io import read_source
from kinfolk.io.models import _from_plain, _plain
from kinfolk.transfer.source import read_sources

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 5))
COEF = RNG.normal(size=(3, 5))
Y = X @ COEF.T + RNG.normal(size=(40, 3))
XF, YF = pd.DataFrame(X, columns=list("abcde")), pd.DataFrame(Y, columns=["u", "v", "w"])


@pytest.fixture
def saved(tmp_path):
    save_model(ReducedRankRegressor().fit(XF, YF), tmp_path / "m.kin")
    return tmp_path / "m.kin"


@pytest.mark.parametrize("data", [(X, Y), (XF, YF), (XF, Y[:, 0]), (X[:3], Y[:3])], ids=["arrays", "frames", "1", "3"])
def test_what_comes_back_is_what_went_in(data, tmp_path):
    model = ReducedRankRegressor(alpha="cv", max_iter=150).fit(*data)
    save_model(model, tmp_path / "m.kin")
    again = load_model(tmp_path / "m.kin")
    assert type(again) is ReducedRankRegressor
    assert again.get_params() == model.get_params()
    assert vars(again).keys() == vars(model).keys()
    for name, value in vars(model).items():
        assert_array_equal(getattr(again, name), value)
        assert isinstance(getattr(again, name), type(value)) or name == "feature_names_in_"
    assert_array_equal(again.predict(data[0]), model.predict(data[0]))


@pytest.mark.parametrize("source", [COEF, 1e3 * RNG.normal(size=(3, 5)), None], ids=["helps", "misleads", "none"])
def test_spectral_transfer_comes_back_without_its_source(source, tmp_path):
    model = SpectralTransferRegressor(source, rank=2, safe=1.0).fit(XF, YF)
    save_model(model, tmp_path / "m.kin")
    again = load_model(tmp_path / "m.kin")
    assert again.source is None
    assert_array_equal(again.predict(XF), model.predict(XF))
    assert vars(again).keys() == vars(model).keys() - {"result_"}
    for name, value in vars(model).items():
        found = getattr(again, name, None)
        if isinstance(value, pd.DataFrame):
            if len(value):
                assert_frame_equal(found, value, check_column_type=False)
            assert list(found.columns) == list(value.columns)
        elif name.endswith("_") and name not in ("result_", "selected_"):
            assert_array_equal(found, value)
    assert again.selected_ == model.selected_ | {"free": list(model.selected_["free"])}
    (lent,) = read_sources(again, features=list("abcde"), responses=["u", "v", "w"], n_features=5, n_responses=3)
    assert_array_equal(lent.coef, model.coef_)


def test_response_names_are_the_columns_of_a_frame():
    assert ReducedRankRegressor(1).fit(XF, YF).response_names_ == ["u", "v", "w"]
    assert ReducedRankRegressor(1).fit(XF, Y).response_names_ is None


def test_no_row_is_in_the_file(saved):
    with zipfile.ZipFile(saved) as archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
        shapes = [np.load(io.BytesIO(archive.read(name))).shape for name in names]
    assert (3, 5) in shapes
    assert all(len(X) not in shape for shape in shapes)


def rewritten(path, arrays=None, **changes):
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    description = json.loads(members["model.json"])
    description["state"] |= changes
    for name in arrays or ():
        del members[f"{name}.npy"]
        description["arrays"].remove(name)
    members["model.json"] = json.dumps(description).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arrays": ["coef_"]}, "does not describe a ReducedRankRegressor"),
        ({"n_features_in_": 4}, "coefficients of 5 features, 4 features, 5 names"),
        ({"feature_names_in_": ["a"]}, "coefficients of 5 features, 5 features, 1 names"),
        ({"arrays": ["coef_"], "coef_": "text"}, "does not describe"),
        (
            {"arrays": ["cv_table_"], "cv_table_": {"frame": {"a": [1, 2], "b": [1, 2, 3]}, "index": [0, 1]}},
            "a table that is none",
        ),
        ({"cv_table_": {"frame": 3, "index": [0]}}, "a table that is none"),
    ],
)
def test_a_file_that_does_not_fit_together_is_refused(saved, changes, message):
    rewritten(saved, **changes)
    with pytest.raises(ModelFileError, match=message):
        load_model(saved)


def test_what_the_file_has_beyond_is_ignored(saved):
    rewritten(saved, predict="not a method", __class__="os")
    again = load_model(saved)
    assert type(again) is ReducedRankRegressor
    assert callable(again.predict)


def test_a_truncated_file_and_flipped_bytes_are_refused_or_harmless(saved):
    content, expected = saved.read_bytes(), load_model(saved).predict(XF)
    for length in (0, 10, len(content) // 2, len(content) - 1):
        saved.write_bytes(content[:length])
        with pytest.raises(ModelFileError):
            load_model(saved)
    refused = 0
    for position in range(0, len(content), 11):
        changed = bytearray(content)
        changed[position] ^= 0xFF
        saved.write_bytes(bytes(changed))
        try:
            assert_array_equal(load_model(saved).predict(XF), expected)
        except ModelFileError:
            refused += 1
    assert refused > 0.6 * len(content) / 11


def test_frames_keep_their_columns_index_and_kinds():
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, np.nan], "c": ["x", "y"], "d": [True, False]}, index=["p", "q"])
    assert_frame_equal(_from_plain(json.loads(json.dumps(_plain(frame, "table")))), frame)
    assert _from_plain(_plain([1.0, float("inf")], "list")) == [1.0, float("inf")]


def test_a_splitter_cannot_be_stored(tmp_path):
    from sklearn.model_selection import KFold

    with pytest.raises(InputError, match="cv=KFold"):
        save_model(ReducedRankRegressor(cv=KFold(3)).fit(X, Y), tmp_path / "m.kin")


def test_a_source_is_a_model_or_a_table_of_coefficients(saved, tmp_path):
    model = load_model(saved)
    table = pd.DataFrame(model.coef_, YF.columns, XF.columns).assign(intercept=model.intercept_)
    table.to_csv(tmp_path / "named.csv")
    table.iloc[:1].to_csv(tmp_path / "one.csv", index=False)
    for name, q in (("m.kin", 3), ("named.csv", 3), ("one.csv", 1)):
        source = read_source(tmp_path / name)
        with warnings.catch_warnings(action="error"):
            (found,) = read_sources(
                source, features=list("edcba"), responses=["u", "v", "w"][:q], n_features=5, n_responses=q
            )
        np.testing.assert_allclose(found.coef[:, ::-1], model.coef_[:q], rtol=1e-14)
        np.testing.assert_allclose(found.intercept, model.intercept_[:q], rtol=1e-14)
    with pytest.raises(InputError, match="no model file"):
        read_source(tmp_path / "no.kin")
    with pytest.raises(InputError, match="no file"):
        read_source(tmp_path / "no.csv")
