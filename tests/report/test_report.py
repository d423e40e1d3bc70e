import csv
import re
import shutil
from html import unescape as html_unescape
from itertools import pairwise

import pytest

from calobatch.allocation import Allocation
from calobatch.errors import UserError
from calobatch.report import report as report_module
from calobatch.report.formats import duration, fixed, signed
from calobatch.report.used import used_rows
from calobatch.run.folder import read_run
from calobatch.run.leaderboard_of_runs import write_leaderboard
from calobatch.run.training import RunRecord
from calobatch.store import read_manifest
from tests.report.page import Element, read_page

BANNER = "Simulated stand-ins, not CMS data"


@pytest.fixture(scope="module")
def page(html) -> Element:
    return read_page(html)


@pytest.fixture(scope="module")
def board(page) -> Element:
    return next(table for table in page.all("table") if "leaderboard" in table.classes)


def lines_of(results) -> list[dict[str, str]]:
    with results.leaderboard.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_task_and_every_seed_has_a_row(board, results):
    rows = [row.text for row in board.all("tr")]
    assert [name for row in rows for name in ("crops", "jets") if f" {name} " in f" {row} "] == [
        "crops",
        "jets",
    ]
    assert sum("mean over 2 seeds" in row for row in rows) == 1
    assert sum(bool(re.search(r"\bseed 3\b", row)) for row in rows) == 2  # crops and jets
    assert sum(bool(re.search(r"\bseed 5\b", row)) for row in rows) == 1


def test_the_numbers_are_those_of_the_leaderboard(board, results):
    text = board.text
    for line in lines_of(results):
        if line["split"] == "test":
            for column in ("auc", "auc_low", "auc_high", "accuracy"):
                assert f"{float(line[column]):.4f}" in text, (line["task"], column)
        if line["split"] == "validation":
            assert f"{float(line['auc']):.4f}" in text


def test_runs_of_older_code_are_named_with_the_command_that_makes_them_again(
    html, results, monkeypatch
):
    again = "--forcerun results/small/crops/seed3/run.json results/small/crops/seed5/run.json"
    assert "has changed since" not in html
    now = report_module.training_code_sha256
    monkeypatch.setattr(
        report_module,
        "training_code_sha256",
        lambda model: now(model) if model == "jet_cnn" else "0" * 64,
    )
    page = results.page(results.leaderboard.with_name("older.html"))
    assert f"--config scenario=small {again}</code>" in page


def test_a_run_that_learned_nothing_has_a_mark_and_others_have_none(html, results, tmp_path):
    assert "exploded loss" not in html
    marked = shutil.copytree(results.runs[0], tmp_path / "seed3")
    record = RunRecord.read(marked / "run.json").model_copy(update={"mark": "exploded loss"})
    record.write(marked / "run.json")
    runs = [marked, *results.runs[1:]]
    leaderboard = tmp_path / "leaderboard.csv"
    read = [read_run(run) for run in runs]
    ids = {run.record.name: "id" for run in read}
    write_leaderboard(results.scenario, read, ids, leaderboard)
    page = read_page(
        results._replace(runs=runs, leaderboard=leaderboard).page(tmp_path / "page.html")
    )
    rows = [row.text for row in page.all("tr") if "exploded loss" in row.text]
    assert len(rows) == 1
    assert "seed 3 exploded loss" in rows[0]
    assert page.text.count("the loss is far above that of a model that guesses") == 1


def test_a_task_with_several_seeds_shows_their_mean_and_deviation(board, results):
    first, second = (
        float(line["auc"])
        for line in lines_of(results)
        if (line["task"], line["split"]) == ("crops", "test")
    )
    row = next(row for row in board.all("tr") if "mean over 2 seeds" in row.text)
    assert f"{(first + second) / 2:.4f}" in row.text
    assert f"± {abs(first - second) / 2**0.5:.4f}" in row.text


def test_a_reference_is_shown_with_its_split_and_never_that_of_training_events(html, board):
    assert "0.6543 validation" in board.text
    assert "0.6432 test" in board.text
    shown, scenario = html.split("The complete scenario")
    assert "0.9876" not in shown
    assert "0.9876" in scenario


def test_a_task_without_a_run_is_named(page):
    assert any("later" in item.text and "no finished run" in item.text for item in page.all("li"))


def test_the_page_needs_nothing_but_itself(page, html):
    for element in page.everything():
        assert element.tag not in ("link", "iframe", "object", "base")
        for name in ("src", "href", "xlink:href", "srcset", "data", "poster"):
            address = element.attributes.get(name, "#")
            assert address.startswith(("#", "data:image/png;base64,")), (element.tag, address)
    assert "@import" not in html
    assert not re.search(r"fetch\(|XMLHttpRequest|import\(|WebSocket|sendBeacon", html)
    assert set(re.findall(r"url\((.)", html)) <= {"#"}


def test_every_anchor_leads_somewhere_and_no_id_is_used_twice(page):
    ids = [e.attributes["id"] for e in page.everything() if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    links = [
        e.attributes[name][1:]
        for e in page.everything()
        for name in ("href", "xlink:href")
        if e.attributes.get(name, "").startswith("#")
    ]
    assert links
    assert set(links) <= set(ids)


def test_every_picture_says_what_it_shows(page):
    images = page.all("img")
    assert len(images) > 20
    assert all(image.attributes.get("alt", "").strip() for image in images)
    for drawing in page.all("svg"):
        hidden = drawing.attributes.get("aria-hidden") == "true"
        assert hidden or (drawing.attributes["role"] == "img" and drawing.all("title")[0].text)


def test_headings_never_skip_a_level(page):
    levels = [int(e.tag[1]) for e in page.everything() if re.fullmatch(r"h[1-6]", e.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_titles_with_markup_are_shown_as_they_are_written(page):
    assert page.all("h1")[0].text == "Small & <quick>"
    assert any("a paper <of old> & others" in item.text for item in page.all("li"))


def test_provenance_names_dataset_device_commit_and_packages(html, results):
    for run in results.runs:
        record = RunRecord.read(run / "run.json")
        assert record.dataset_sha256[:12] in html
        assert record.provenance.packages["torch"] in html
        assert all(digest[:12] in html for digest in record.source_sha256.values())


def test_the_same_inputs_give_the_same_page_in_any_order(results, html, tmp_path):
    backwards = results._replace(runs=results.runs[::-1])
    assert backwards.page(tmp_path / "backwards.html") == html


def test_the_page_is_light(html):
    assert len(html.encode()) < 3_000_000


def test_the_banner_is_there_exactly_if_data_are_simulated(html, results, tmp_path):
    assert BANNER in html
    real = as_if_from_cms(results, tmp_path).page(tmp_path / "real.html")
    assert BANNER not in real
    assert "imulated" not in real.split("The complete scenario")[0]


def as_if_from_cms(results, folder):
    """Copy the results, with records and manifests that do not say that they are simulated."""
    runs = [folder / run.parent.name / run.name for run in results.runs]
    stores = [folder / "stores" / store.name for store in results.stores]
    for source, target in zip([*results.runs, *results.stores], [*runs, *stores], strict=True):
        shutil.copytree(source, target)
    real = {"simulated": False}
    for run in runs:
        RunRecord.read(run / "run.json").model_copy(update=real).write(run / "run.json")
    for store in stores:
        read_manifest(store).model_copy(update=real).write(store / "manifest.json")
    leaderboard, read = folder / "public.csv", [read_run(run) for run in runs]
    ids = {run.record.name: "id" for run in read}
    write_leaderboard(results.scenario, read, ids, leaderboard)
    return results._replace(runs=runs, stores=stores, leaderboard=leaderboard)


def test_a_night_between_two_parts_of_a_training_is_not_time_that_it_took(results, html, tmp_path):
    runs = [tmp_path / run.parent.name / run.name for run in results.runs]
    for source, target in zip(results.runs, runs, strict=True):
        shutil.copytree(source, target)
        record = RunRecord.read(target / "run.json")
        resumed = record.model_copy(update={"started": record.started - 86_400})
        (target / "run.json").write_text(resumed.model_dump_json())
    assert results._replace(runs=runs).page(tmp_path / "resumed.html") == html


def test_a_run_of_a_task_that_the_scenario_lacks_is_refused(results, scenario, tmp_path):
    other = scenario.model_copy(update={"tasks": {"jets": scenario.tasks["jets"]}})
    with pytest.raises(
        UserError, match=r"crops, which is not in scenario small; leave this run out"
    ):
        results._replace(scenario=other).page(tmp_path / "page.html")


def test_a_run_that_the_leaderboard_lacks_is_refused(results, tmp_path):
    lines = results.leaderboard.read_text().splitlines(keepends=True)
    (tmp_path / "short.csv").write_text("".join(li for li in lines if not li.startswith("jets")))
    with pytest.raises(UserError, match=r"no line for task jets, seed 3.*collect"):
        results._replace(leaderboard=tmp_path / "short.csv").page(tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_a_run_trained_on_a_different_version_of_its_dataset_is_refused(results, tmp_path):
    copied = as_if_from_cms(results, tmp_path)
    path = copied.runs[0] / "run.json"
    RunRecord.read(path).model_copy(update={"dataset_sha256": "0" * 64}).write(path)
    with pytest.raises(UserError, match=r"different version of electron_photon.*train again"):
        copied.page(tmp_path / "page.html")


def test_a_number_in_the_leaderboard_that_is_not_that_of_its_run_is_refused(results, tmp_path):
    header, *lines = results.leaderboard.read_text().splitlines()
    place = header.split(",").index("auc")
    cells = [line.split(",") for line in lines]
    cells[2][place] = f"{float(cells[2][place]) + 1e-6:.6f}"
    changed = "".join(",".join(row) + "\n" for row in [header.split(","), *cells])
    (tmp_path / "changed.csv").write_text(changed)
    with pytest.raises(UserError, match=r"changed\.csv and .*seed 3 have .* test split; run `calo"):
        results._replace(leaderboard=tmp_path / "changed.csv").page(tmp_path / "page.html")


def test_a_missing_store_is_named(results, tmp_path):
    crops_only = results._replace(stores=results.stores[:1])
    with pytest.raises(UserError, match="quark_gluon, whose store is not among --stores; add it"):
        crops_only.page(tmp_path / "page.html")


def speed_table(page):
    return next(table for table in page.all("table") if "Communication" in table.text)


def test_the_time_of_each_run_is_shown_by_phase(page, results):
    rows = speed_table(page).all("tr")
    assert len(rows) == 1 + len(results.runs)
    for run, row in zip(results.runs, rows[1:], strict=True):
        shares = RunRecord.read(run / "run.json").throughput.shares
        assert sum(shares.values()) == pytest.approx(1)
        for share in shares.values():
            assert f"{100 * share:.3g}" in row.text


def test_the_cost_of_each_run_is_shown(page, results):
    rows = speed_table(page).all("tr")[1:]
    for folder, row in zip(results.runs, rows, strict=True):
        run = read_run(folder)
        seconds = run.record.ranks * sum(epoch.seconds for epoch in run.history)
        assert duration(seconds) in row.text
    titles = [title.text for title in page.all("title") if "training time" in title.text]
    assert titles == [f"Test AUC against training time of {task}" for task in ("crops", "jets")]


def test_scores_calibration_and_confusion_of_the_first_run_of_each_task_are_shown(page):
    shown = [image.attributes["alt"] for image in page.all("img")]
    for run in ("crops seed 3", "jets seed 3"):
        for words in (
            "Distributions of the scores",
            "Calibration of the scores",
            "Confusion matrix",
        ):
            assert f"{words} of {run}" in shown


def test_a_run_that_has_replaced_another_is_compared_with_it(results, html, tmp_path):
    assert "Since the last results" not in html
    runs = [tmp_path / "results" / run.parent.name / run.name for run in results.runs]
    for source, target in zip(results.runs, runs, strict=True):
        shutil.copytree(source, target)
    # The other seed of the task is taken for the earlier run.
    earlier = tmp_path / "results" / ".earlier" / "crops"
    shutil.copytree(results.runs[1], earlier / "seed3-20260102T000000Z")
    shutil.copytree(results.runs[0], earlier / "seed3-20260101T000000Z")
    page = read_page(results._replace(runs=runs).page(tmp_path / "report.html"))
    (table,) = (t for t in page.all("table") if "Earlier test AUC" in t.text)
    _, row = table.all("tr")
    before, now = (read_run(run).metrics.splits["test"].auc for run in results.runs[1::-1])
    for number in (fixed(before, 4), fixed(now, 4), signed(now - before, 4)):
        assert number in row.text
    # An earlier run on other events is named, and not compared.
    shutil.copytree(results.runs[2], earlier / "seed3-20260103T000000Z")
    page = read_page(results._replace(runs=runs).page(tmp_path / "report.html"))
    (table,) = (t for t in page.all("table") if "Earlier test AUC" in t.text)
    assert "were not tested on the same events" in table.text


def test_the_command_that_makes_the_results_again_is_named(html, results, tmp_path):
    commit = read_run(results.runs[0]).record.provenance.git_commit[:12]
    checkout = f"git checkout {commit} &amp;&amp; " if commit else ""
    assert f"<code>{checkout}make run SCENARIO=small</code>" in html
    report_module.report(*results, tmp_path / "report.html", changes="seeds=[1,2] a.b=c")
    again = html_unescape((tmp_path / "report.html").read_text())
    assert "make run SCENARIO=small SET='seeds=[1,2] a.b=c'" in again


def test_a_damaged_plot_is_named_with_what_to_do(results, tmp_path):
    copies = [tmp_path / run.parent.name / run.name for run in results.runs]
    for source, target in zip(results.runs, copies, strict=True):
        shutil.copytree(source, target)
    path = copies[0] / "plots" / "scores.png"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match=r"scores\.png cannot be read .*`calobatch evaluate` again"):
        results._replace(runs=copies).page(tmp_path / "report.html")


def test_gpu_columns_are_shown_if_a_run_used_gpus(page, results, tmp_path):
    assert "GPU energy" not in speed_table(page).text
    run = results.runs[0]
    moved = tmp_path / run.parent.name / run.name
    shutil.copytree(run, moved)
    record = RunRecord.read(moved / "run.json")
    of_gpus = {"gpu_peak_memory_mb": 2e3, "gpu_utilisation": 0.75, "gpu_energy_joules": 7200.0}
    throughput = record.throughput.model_copy(update=of_gpus)
    record.model_copy(update={"throughput": throughput}).write(moved / "run.json")
    with_gpu = results._replace(runs=[moved, *results.runs[1:]])
    text = speed_table(read_page(with_gpu.page(tmp_path / "report.html"))).text
    for shown in ("GPU energy", "2\N{NARROW NO-BREAK SPACE}GB", "75", "2 Wh", "no meter"):
        assert shown in text


def in_a_job(run, folder, throughput, **allocated):
    """Copy a run as if it had been trained in a SLURM job."""
    moved = shutil.copytree(run, folder / run.parent.name / run.name)
    record = RunRecord.read(moved / "run.json")
    given = {
        "started": record.finished - 6000,
        "seconds": 21600,
        "nodes": 1,
        "cores": 4,
    } | allocated
    origin = {"slurm_job": "4711", "allocated": Allocation.model_validate(given)}
    changed = {
        "provenance": record.provenance.model_copy(update=origin),
        "throughput": record.throughput.model_copy(update=throughput),
    }
    record.model_copy(update=changed).write(moved / "run.json")
    return moved


def used_table(page):
    return next(table for table in page.all("table") if "Cores per rank" in table.text)


def test_what_a_training_asked_of_slurm_stands_beside_what_it_used(html, results, tmp_path):
    assert "Requested from SLURM" not in html
    used = {"peak_memory_mb": 900.0, "cores": 3.25, "gpu_utilisation": 0.25}
    first = in_a_job(results.runs[0], tmp_path, used, memory_mb=8000, gpus=2)
    page = read_page(results._replace(runs=[first, *results.runs[1:]]).page(tmp_path / "page.html"))
    assert "#used" in [
        link.attributes["href"] for link in page.all("a") if "href" in link.attributes
    ]
    *_, row = used_table(page).all("tr")
    asked = [duration(21600), "8\N{NARROW NO-BREAK SPACE}GB", "4", "2"]
    of_that = [duration(6000), "900\N{NARROW NO-BREAK SPACE}MB", "3.25", "25"]
    cells = [cell.text for cell in row.all("td")[1:]]
    for number, pair in enumerate(zip(asked, of_that, strict=True)):
        assert cells[2 * number] == pair[0]
        assert pair[1] in cells[2 * number + 1]
    for words in ("27.8", "of the time", "11.2", "of the memory", "of the GPUs", "job 4711"):
        assert words in row.text
    assert "of the cores" not in row.text, "more than half of them computed"


def test_gpus_that_slurm_does_not_count_are_one_per_rank(results, tmp_path):
    on_gpu = {"gpu_peak_memory_mb": 2e3, "gpu_utilisation": 0.75}
    first = in_a_job(results.runs[0], tmp_path, on_gpu, gpus=0)
    (row,) = used_rows([read_run(first)])
    assert row.gpus == (1, 0.75)


def test_what_is_unlimited_or_was_not_measured_is_called_that(results, tmp_path):
    first = in_a_job(results.runs[0], tmp_path, {"cores": None}, seconds=None, gpus=0)
    page = read_page(results._replace(runs=[first, *results.runs[1:]]).page(tmp_path / "page.html"))
    *_, row = used_table(page).all("tr")
    assert row.text.count("unlimited") == 2, "time and memory"
    assert "not measured" in row.text
    assert "GPUs" not in used_table(page).text
