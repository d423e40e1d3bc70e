"""MLflow's pages of a scenario that was collected, as a user sees them."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.watched import MILLISECONDS


@pytest.fixture
def mlflow(open_page, mlflow_pages):
    """A page with the address that `calobatch ui` prints."""
    watched = open_page(viewport={"width": 1600, "height": 900})
    expect.set_options(timeout=MILLISECONDS)
    watched.open_mlflow(mlflow_pages)
    expect(link(watched.page, "crops seed 1")).to_be_visible()
    return watched


def link(page, name):
    return page.get_by_role("link", name=name, exact=True).first


def test_the_first_page_lists_the_trainings_with_their_test_auc(mlflow):
    page = mlflow.page
    for column in ("test/auc", "test/auc_low", "test/auc_high", "model"):
        expect(page.get_by_role("columnheader", name=column, exact=True).first).to_be_visible()
    expect(link(page, "crops seed 2")).to_be_visible()
    expect(page.get_by_role("gridcell", name="two_branch_cnn").first).to_be_visible()
    mlflow.picture("mlflow_trainings")


def test_the_charts_compare_the_trainings_epoch_by_epoch(mlflow):
    page = mlflow.page
    page.locator("label:has(input[value=CHART])").click()
    for group in ("epoch", "test"):
        expect(page.get_by_text(re.compile(rf"^{group}\b")).first).to_be_visible()
    mlflow.picture("mlflow_charts")


def test_a_scenario_has_its_leaderboard_as_a_table_and_as_a_picture(mlflow):
    page = mlflow.page
    link(page, "crops seed 1").click()
    link(page, "tests").click()
    expect(page.locator("table", has_text="test AUC").first).to_be_visible()
    page.get_by_text("Show more").click()
    picture = page.locator("img[src*='leaderboard.png']")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    mlflow.picture("mlflow_scenario", full_page=True)


def test_a_training_has_its_model_card_its_dataset_and_what_it_used(mlflow):
    page = mlflow.page
    link(page, "crops seed 1").click()
    expect(page.get_by_text("How good it is").first).to_be_attached()
    expect(page.get_by_text("electron_photon").first).to_be_visible()
    mlflow.picture("mlflow_training", full_page=True)
    page.get_by_role("tab", name="System metrics").click()
    expect(page.get_by_text("system/peak_memory_mb").first).to_be_visible()


def test_the_registry_has_the_model_with_the_alias_of_the_best(mlflow):
    page = mlflow.page
    page.goto(f"{page.url.partition('#')[0]}#/models/tests-crops")
    expect(page.get_by_text(re.compile(r"@\s*best")).first).to_be_visible()
    mlflow.picture("mlflow_registry")
