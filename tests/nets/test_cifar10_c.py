"""CIFAR-10-C from files of the published layout; here they are made up, and small."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from kinfolk import InputError, SharedFeatureClassifier
from kinfolk.nets import load_cifar10_c

N = 30  # images; each file holds them at five severities


@pytest.fixture
def folder(tmp_path):
    """Pixels say which corruption, severity, image and channel they are of."""
    np.save(tmp_path / "labels.npy", np.tile(np.arange(N) % 10, 5))
    for k, name in enumerate(("fog", "frost", "snow")):
        images = np.zeros((5 * N, 32, 32, 3), dtype=np.uint8)
        images[:, 0, 0, 0], images[:, 0, 0, 1] = k, np.repeat(np.arange(1, 6), N)
        images[:, 0, 0, 2], images[:, 31, 0, 0], images[:, 0, 31, 0] = np.tile(np.arange(N), 5), 254, 255
        np.save(tmp_path / f"{name}.npy", images)
    return tmp_path


def pixels(frame, *at):
    images = frame.drop(columns="task").to_numpy().reshape(-1, 3, 32, 32)
    return np.rint(255 * images[:, *at]).astype(int)


@pytest.mark.parametrize("severity", [1, 3, np.int64(5)])
def test_every_task_has_images_of_its_own_at_one_severity_and_all_share_the_test(folder, severity):
    tasks = load_cifar10_c(str(folder), n_samples=6, n_test=12, random_state=0, severity=severity)
    assert tasks.image_shape == (3, 32, 32)
    assert (tasks.X.shape, tasks.X_test.shape) == ((18, 3073), (36, 3073))
    assert (tasks.X.dtypes[:-1] == np.float32).all()
    for frame, y, n in ((tasks.X, tasks.y, 6), (tasks.X_test, tasks.y_test, 12)):
        assert_array_equal(frame["task"], np.repeat(["fog", "frost", "snow"], n))
        assert_array_equal(pixels(frame, 0, 0, 0), np.repeat([0, 1, 2], n))
        assert (pixels(frame, 1, 0, 0) == severity).all()
        assert_array_equal(pixels(frame, 2, 0, 0) % 10, y)
        assert (pixels(frame, 0, 31, 0) == 254).all()  # rows are rows
        assert (pixels(frame, 0, 0, 31) == 255).all()
    own, test = pixels(tasks.X, 2, 0, 0), pixels(tasks.X_test, 2, 0, 0).reshape(3, 12)
    assert (test == test[0]).all()
    assert len({*own.tolist(), *test[0].tolist()}) == 30


def test_corruptions_are_chosen_and_ordered(folder):
    tasks = load_cifar10_c(folder, ["snow", "fog"], 5, 5, 0)
    assert tasks.X["task"].unique().tolist() == ["snow", "fog"]
    assert_array_equal(load_cifar10_c(folder, ("snow", "fog"), 5, 5, 0).X, tasks.X)


def test_a_net_takes_them(folder):
    tasks = load_cifar10_c(folder, n_samples=6, n_test=12, random_state=0)
    net = SharedFeatureClassifier(task="task", image_shape=tasks.image_shape, patch_size=16, n_filters=4, max_iter=3)
    assert net.fit(tasks.X, tasks.y).predict(tasks.X_test).shape == (36,)


@pytest.mark.parametrize("severity", [0, 6, 5.0, True, "5", None])
def test_there_are_five_severities(folder, severity):
    with pytest.raises(InputError, match="severity must be a whole number from 1 to 5"):
        load_cifar10_c(folder, severity=severity)


def test_what_is_not_there_is_named(folder, tmp_path):
    with pytest.raises(InputError, match=r"no folder .*nowhere\. CIFAR-10-C is not downloaded"):
        load_cifar10_c(folder / "nowhere")
    with pytest.raises(InputError, match=r"has no rain.npy, hail.npy; its corruptions are 'fog', 'frost', 'snow'"):
        load_cifar10_c(folder, ["rain", "fog", "hail"])
    with pytest.raises(InputError, match=r"corruptions must be names of tasks, each once; got 'fog'"):
        load_cifar10_c(folder, "fog")
    with pytest.raises(InputError, match="each once"):
        load_cifar10_c(folder, ["fog", "fog"])
    with pytest.raises(InputError, match=r"3 tasks of 100 images and 600 for testing need 900; there are 30"):
        load_cifar10_c(folder)
    (folder / "labels.npy").unlink()
    with pytest.raises(InputError, match=r"has no labels.npy; its corruptions are 'fog'"):
        load_cifar10_c(folder)
    (tmp_path / "empty").mkdir()
    np.save(tmp_path / "empty" / "labels.npy", np.arange(10))
    with pytest.raises(InputError, match=r"has no <corruption>.npy; it holds no corruption"):
        load_cifar10_c(tmp_path / "empty")


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((5 * N, 3, 32, 32), dtype=np.uint8),
        np.zeros((N, 32, 32, 3), dtype=np.uint8),
        np.zeros((5 * N, 32, 32, 3), dtype=np.float32),
    ],
)
def test_another_layout_of_images_is_refused(folder, images):
    np.save(folder / "frost.npy", images)
    with pytest.raises(InputError, match=r"frost.npy must hold an array of shape \(150, 32, 32, 3\) and type uint8"):
        load_cifar10_c(folder, n_samples=5, n_test=5)


@pytest.mark.parametrize(
    "labels", [np.arange(N), np.tile(np.arange(N), (5, 1)), np.arange(5 * N), np.tile(np.arange(N), 5) / 2, np.array(3)]
)
def test_another_layout_of_labels_is_refused(folder, labels):
    np.save(folder / "labels.npy", labels if labels.shape != (N,) else labels[:-1])
    with pytest.raises(InputError, match=r"labels.npy must hold N whole numbers, the same N / 5 for each of 5"):
        load_cifar10_c(folder, n_samples=5, n_test=5)


def test_files_that_are_no_arrays_are_refused_and_never_unpickled(folder):
    np.save(folder / "frost.npy", np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"frost.npy is not a file of an array of numbers.*Python objects"):
        load_cifar10_c(folder)
    for content in (b"", b"\x80\x04N.", b"PK\x03\x04", b"\x93NUMPY\x01\x00v\x00{'descr'"):
        (folder / "frost.npy").write_bytes(content)
        with pytest.raises(InputError, match=r"frost.npy is not a file of an array of numbers"):
            load_cifar10_c(folder)
    whole = (folder / "fog.npy").read_bytes()
    (folder / "frost.npy").write_bytes(whole[: len(whole) // 2])  # cut off on its way
    with pytest.raises(InputError, match=r"frost.npy is not a file of an array of numbers"):
        load_cifar10_c(folder)
