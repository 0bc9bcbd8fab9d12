"""Model files: what comes back is what went in, and a hostile file is refused without being executed."""

import io
import json
import pickle
import zipfile

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import kinfolk
from kinfolk import InputError, ModelFileError, PartialPoolingRegressor, load_model, save_model
from kinfolk.datasets import make_shared_representation


@pytest.fixture(scope="module")
def data():
    return make_shared_representation(n_tasks=8, n_samples=12, n_features=3, rank=2, random_state=0)


@pytest.fixture
def saved(data, tmp_path):
    path = tmp_path / "model.kin"
    save_model(PartialPoolingRegressor("full", task="task").fit(data.X, data.y), path)
    return path


@pytest.mark.parametrize("method", kinfolk.all_estimators(), ids=lambda method: method.__name__)
@pytest.mark.parametrize("labels", ["numbers", "text"])
def test_what_comes_back_is_what_went_in(method, labels, data, tmp_path):
    X = data.X if labels == "numbers" else data.X.assign(task="t" + data.X["task"].astype(str))
    model = method(task="task").fit(X, data.y)
    save_model(model, tmp_path / "m.kin")
    again = load_model(tmp_path / "m.kin")
    assert type(again) is method
    assert again.get_params() == model.get_params()
    for one, other in zip(model.predict(X, return_std=True), again.predict(X, return_std=True), strict=True):
        assert_array_equal(one, other)
    for name in vars(model):
        if name.endswith("_") and name != "result_":
            assert_array_equal(getattr(again, name), getattr(model, name))
    new = X[X["task"] == X["task"].iloc[0]].assign(task=99 if labels == "numbers" else "new")
    y = data.y[: len(new)]
    assert_array_equal(again.adapt(new, y).coef_, model.adapt(new, y).coef_)


def test_parameters_of_a_method_come_back(data, tmp_path):
    numbers = {"step": (0.05, 0.2), "init_scale": 0.01, "n_iter": 100, "whiten": False}
    model = kinfolk.SharedRepresentationRegressor(2, method="descent", method_params=numbers, task="task")
    save_model(model.fit(data.X, data.y), tmp_path / "m.kin")
    again = load_model(tmp_path / "m.kin")
    assert again.method_params == numbers | {"step": [0.05, 0.2]}  # json has no tuples
    assert_array_equal(again.fit(data.X, data.y).coef_, model.coef_)


def test_wide_models_come_back(data, tmp_path):
    X = data.X.drop(columns="task").to_numpy()[:40]
    model = PartialPoolingRegressor("scalar").fit(X, X @ data.coef[:3].T)
    save_model(model, tmp_path / "m.kin")
    assert_array_equal(load_model(tmp_path / "m.kin").predict(X), model.predict(X))


def test_no_row_of_the_training_data_is_in_the_file(data, saved):
    with zipfile.ZipFile(saved) as archive:
        shapes = {
            name: np.load(io.BytesIO(archive.read(name))).shape for name in archive.namelist() if name.endswith(".npy")
        }
    assert all(len(data.y) not in shape for shape in shapes.values())


def edit(path, change):
    """Rewrite the archive with its members changed by ``change(name -> bytes)``."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def described(members, **changes):
    description = json.loads(members["model.json"])
    members["model.json"] = json.dumps(description | changes).encode()


class Exploit:
    def __reduce__(self):
        return (pytest.fail, ("a model file was executed",))


def pickled(members):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.array([Exploit()], dtype=object), allow_pickle=True)
    members["mean.npy"] = stream.getvalue()


def huge_header(members):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**3)})
    members["mean.npy"] = stream.getvalue() + b"\0" * 64


ATTACKS = {
    "a pickle inside an array": (pickled, "holds object"),
    "a header that promises terabytes": (huge_header, "does not fit"),
    "an unknown format version": (lambda m: described(m, format=2), "format version 2"),
    "another class": (lambda m: described(m, **{"class": "os.system"}), "not a method of kinfolk"),
    "a class of scikit-learn": (lambda m: described(m, **{"class": "Ridge"}), "not a method of kinfolk"),
    "an unknown parameter": (lambda m: described(m, parameters={"magic": 1}), "does not describe"),
    "a missing array": (lambda m: m.pop("mean.npy"), "holds or lacks parts"),
    "an extra member": (lambda m: m.update({"../../evil.py": b"x"}), "holds or lacks parts"),
    "a path in an array's name": (lambda m: described(m, arrays=["../mean"]), "holds or lacks parts"),
    "not json": (lambda m: m.update({"model.json": b"{"}), "damaged"),
    "no description": (lambda m: m.pop("model.json"), "not a kinfolk model"),
    "state of another shape": (lambda m: described(m, state=[]), "no valid state"),
    "a lost entry": (lambda m: described(m, state={}), "does not describe"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_hostile_file_is_refused(attack, saved):
    change, message = ATTACKS[attack]
    edit(saved, change)
    with pytest.raises(ModelFileError, match=message):
        load_model(saved)


def test_a_truncated_file_is_refused(saved):
    content = saved.read_bytes()
    for length in (0, 10, len(content) // 2, len(content) - 1):
        saved.write_bytes(content[:length])
        with pytest.raises(ModelFileError):
            load_model(saved)


def test_a_flipped_byte_is_noticed_wherever_it_is(data, saved):
    """Every 7th byte in turn: refused, or (a time stamp, say) without any effect."""
    content, expected = saved.read_bytes(), load_model(saved).predict(data.X)
    refused = 0
    for position in range(0, len(content), 7):
        changed = bytearray(content)
        changed[position] ^= 0xFF
        saved.write_bytes(bytes(changed))
        try:
            assert_array_equal(load_model(saved).predict(data.X), expected)
        except ModelFileError:
            refused += 1
    assert refused > 0.7 * len(content) / 7


def test_a_file_that_unpacks_to_too_much_is_refused_before_it_is_read(saved):
    with pytest.raises(ModelFileError, match="the limit is 100"):
        load_model(saved, max_bytes=100)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ModelFileError, match="no model file"):
        load_model(tmp_path / "nothing.kin")
    (tmp_path / "x.kin").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ModelFileError, match="not a kinfolk model"):
        load_model(tmp_path / "x.kin")


def test_an_interrupted_write_leaves_the_old_model(data, saved, monkeypatch):
    before = saved.read_bytes()
    model = load_model(saved)
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        save_model(model, saved)
    assert saved.read_bytes() == before
    assert [file.name for file in saved.parent.iterdir()] == ["model.kin"]


def test_a_parameter_that_json_cannot_hold_is_refused(data, tmp_path):
    model = kinfolk.SharedRepresentationRegressor(task="task", random_state=np.random.default_rng(0))
    model.fit(data.X, data.y)
    with pytest.raises(InputError, match=r"random_state=.* cannot be stored"):
        save_model(model, tmp_path / "m.kin")
    assert not list(tmp_path.iterdir())
