"""The report of a transfer: a plain dict, a page that holds all of it, and what a real browser makes of it."""

import json
import re
import warnings
from html import unescape

import numpy as np
import pandas as pd
import pytest
from browser import WIDTHS
from sklearn.exceptions import ConvergenceWarning

from kinfolk import SpectralTransferRegressor, load_model, save_model
from kinfolk.datasets import make_spectral_transfer
from kinfolk.report import summarize_transfer, transfer_to_html, write_transfer_report
from kinfolk.report.summarize_transfer import gain_text

NASTY = '<script>alert("1")</script>'
STUDY = make_spectral_transfer((14, 12), n_samples=40, random_state=0)
FEATURES, RESPONSES = [f"x{j}" for j in range(14)], [NASTY, *(f"gene {j}" for j in range(1, 12))]
UNITS = np.logspace(0, 3, 12)
X = pd.DataFrame(STUDY.X, columns=FEATURES)
Y = pd.DataFrame(STUDY.Y * UNITS, columns=RESPONSES)
SOURCE = pd.DataFrame(STUDY.source * UNITS[:, None], RESPONSES, FEATURES)
UNRELATED = pd.DataFrame(np.random.default_rng(0).normal(size=SOURCE.shape), RESPONSES, FEATURES)


def several():
    missing = np.random.default_rng(1).random(Y.shape) < 0.2
    sources = {"north": SOURCE.iloc[:9, :9], NASTY: UNRELATED}
    with warnings.catch_warnings():  # a report needs no settled fit, and this one is quick
        warnings.simplefilter("ignore", ConvergenceWarning)
        return SpectralTransferRegressor(sources, free=5, max_iter=5).fit(X, Y.mask(missing))


def one():
    return SpectralTransferRegressor(STUDY.source[2]).fit(X, STUDY.Y[:, 2])


def many():
    study = make_spectral_transfer((40, 70), n_samples=100, random_state=1)
    return SpectralTransferRegressor(study.source, penalty="l1", free=8, combine="best").fit(study.X, study.Y)


def alone():
    return SpectralTransferRegressor(UNRELATED, safe=5.0).fit(X, Y)


def no_source():
    return SpectralTransferRegressor(None).fit(X, Y)


MODELS = {make.__name__: make for make in (several, one, many, alone, no_source)}
PLOTS = {"several": 6, "one": 4, "many": 4, "alone": 2, "no_source": 0}


@pytest.fixture(scope="module")
def models():
    made = {}

    def get(name):
        if name not in made:
            made[name] = MODELS[name]()
        return made[name]

    return get


def text_of(page):
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", re.sub(r"<(style|svg).*?</\1>", " ", page, flags=re.S))).split())


@pytest.mark.parametrize("name", MODELS)
def test_the_summary_is_plain(models, name):
    found = summarize_transfer(models(name), command="kinfolk transfer x.csv")
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["command"] == "kinfolk transfer x.csv"
    assert found["use"].startswith("Use ")
    assert sum(row["selected"] for row in found["candidates"]) == 1
    assert sum(row["kind_weight"] for row in found["candidates"]) == pytest.approx(1.0)
    gains = [row["gain"] for row in found["responses"]]
    assert gains == sorted(gains, reverse=True)


@pytest.mark.parametrize("name", MODELS)
def test_the_page_holds_the_numbers_and_loads_nothing(models, name):
    found = summarize_transfer(models(name))
    page = transfer_to_html(found)
    text = text_of(page)
    assert page == transfer_to_html(found)
    assert "<script" not in page
    assert all("w3.org" in link for link in re.findall(r"https?://[^\s\"'<]*", page))  # names of the SVG language
    links = re.findall(r"(?:src|href)\s*=\s*[\"']([^\"']*)", page)
    assert all(link.startswith(("#", "data:")) for link in links)
    assert not re.search(r"url\((?!#)", page)
    svgs = re.findall(r"<svg[^>]*>", page)
    assert len(svgs) == PLOTS[name]
    assert all('role="img"' in svg and "aria-label=" in svg for svg in svgs)
    for sentence in (found["use"].replace(" ± ", "\u00a0±\u00a0"), found["fit"], found["command"]):
        assert " ".join(sentence.split()) in text
    for row in found["candidates"]:
        assert row["what"] in text
        assert f"{row['error']:.4g}" in text
        if row["kind"] != "target":
            assert gain_text(row["gain"], row["gain_se"]) in text
        if row["kind_weight"] and found["averaged"] > 1:
            assert f"{row['kind_weight']:.1%}" in text
    for row in found["responses"]:
        cells = [row["response"], f"{row['target']:.4g}", f"{row['borrowed']:.4g}"]
        assert " ".join([*cells, gain_text(row["gain"], row["gain_se"]), row["verdict"]]) in text
    for used in found["use_of_directions"].values():
        if used is not None:
            assert f"{used['source_share']:.1%} along the {used['source']} of the source" in text
    for row in found["sources"]:
        covered = f"{row['features']} of {found['features']} {row['responses']} of {found['n_responses']}"
        assert f"{row['source']} {covered}" in text


def test_what_is_special_of_each(models):
    found = {name: summarize_transfer(models(name)) for name in MODELS}
    assert found["several"]["sources"] == [
        {"source": "north", "features": 9, "responses": 9},
        {"source": NASTY, "features": 14, "responses": 12},
    ]
    assert found["several"]["data"]["missing"] == pytest.approx(0.2, abs=0.08)
    assert "the average of" in found["several"]["use"]
    assert "led by" in found["several"]["use"]
    assert found["many"]["averaged"] == 1
    assert "average" not in found["many"]["use"] + found["many"]["fit"]
    assert found["many"]["selected"]["kind"] == "l1"
    used = found["many"]["use_of_directions"]["features"]
    assert used["source_zero"] == (models("many").directions_.query("side == 'features' and known")["share"] == 0).sum()
    assert "<details>" in transfer_to_html(found["many"])
    assert "with the worst" in transfer_to_html(found["many"])
    assert found["alone"]["use"].startswith("Use the target alone: the best that borrows, ")
    assert "not what is used" in transfer_to_html(found["alone"])
    assert found["no_source"]["use"] == "Use the target alone: there was nothing to compare it with."
    assert found["no_source"]["command"] == "kinfolk.SpectralTransferRegressor(source).fit(X, Y)"
    assert found["alone"]["command"] == "kinfolk.SpectralTransferRegressor(source, safe=5.0).fit(X, Y)"


def test_candidates_that_borrow_are_told_when_the_target_leads():
    model = SpectralTransferRegressor(UNRELATED).fit(X, Y)
    table = model.cv_table_
    own = table["kind"] == "target"
    model.cv_table_ = table.assign(selected=own & (table["error"] == table.loc[own, "error"].min()))
    table.loc[:, "weight"] = 0.0
    model.cv_table_.loc[model.cv_table_["selected"], "weight"] = 0.75
    model.cv_table_.loc[~own, "weight"] = 0.25 / (~own).sum()
    use = summarize_transfer(model)["use"]
    assert use.startswith("Use mostly the target alone, with 25% of the weight on candidates that borrow: the best ")


def test_a_model_from_a_file_has_the_same_report(models, tmp_path):
    save_model(models("several"), tmp_path / "m.kin")
    assert summarize_transfer(load_model(tmp_path / "m.kin")) == summarize_transfer(models("several"))


def test_too_few_rows_to_hold_any_out():
    with pytest.warns(UserWarning, match="3 rows"):
        model = SpectralTransferRegressor(SOURCE).fit(X[:3], Y[:3])
    found = summarize_transfer(model)
    assert found["selected"]["error"] is None
    assert "none was held out" in found["fit"]
    assert "nothing can be held out" in transfer_to_html(found)


@pytest.mark.browser
@pytest.mark.parametrize("name", MODELS)
def test_a_real_browser_shows_it_without_an_error(models, browser, tmp_path, name):
    page = tmp_path / "transfer.html"
    write_transfer_report(models(name), page)
    for width in WIDTHS:
        complained, found = browser.look(page, width)
        assert not complained
        assert found["table"]
        assert found["plots"] == [True] * PLOTS[name]
        assert found["overflow"] <= 0
