import re
import shutil
import subprocess
import sys

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from calobatch.checkout import CHECKOUT
from calobatch.config.load import load_scenario
from calobatch.config.model_file import model_module
from calobatch.errors import UserError

CONFIG = CHECKOUT / "config"
SCENARIOS = sorted(path.stem for path in CONFIG.glob("*.yaml") if path.stem != "tasks")

TASKS = """
cnn:
  {title: A CNN, dataset: electron_photon, model: cnn, epochs: 9, batch_size: 64,
   learning_rate: 1.0e-3, model_options: {width: 8, depth: 2}}
vit:
  {title: A ViT, dataset: electron_photon, model: vision_transformer, epochs: 8, batch_size: 64,
   learning_rate: 1.0e-4, schedule: {kind: plateau, factor: 0.5, patience: 3}}
"""
SCENARIO = """
title: A small one
datasets:
  electron_photon: {source: simulate, events: 100}
  photons: {source: simulate, events: 10, layout: electron_photon}
tasks: {cnn: , vit: {epochs: 2}}
"""


@pytest.fixture
def folder(tmp_path):
    """A configuration of its own: tasks.yaml, the scenario ``small``, and the layouts."""
    shutil.copytree(CONFIG / "layouts", tmp_path / "layouts")
    (tmp_path / "tasks.yaml").write_text(TASKS)
    (tmp_path / "small.yaml").write_text(SCENARIO)
    return tmp_path


def load(folder, overrides="", **changes):
    """Load the scenario ``small`` after top-level ``changes`` to its file."""
    content = yaml.safe_load(SCENARIO) | changes
    (folder / "small.yaml").write_text(yaml.safe_dump(content))
    return load_scenario("small", overrides, folder)


def refused(folder, overrides="", **changes):
    """Return the message of a scenario that is refused."""
    with pytest.raises(UserError) as raised:
        load(folder, overrides, **changes)
    return str(raised.value)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_of_the_project_loads(name):
    scenario = load_scenario(name, folder=CONFIG)
    assert scenario.name == name
    assert scenario == load_scenario(str(CONFIG / f"{name}.yaml"), folder=CONFIG)


def test_there_are_scenarios_to_load():
    assert {"quickstart", "test", "cms"} <= set(SCENARIOS)


def test_a_task_is_tasks_yaml_then_all_tasks_then_its_own_changes(folder):
    scenario = load(folder, all_tasks={"epochs": 5, "batch_size": 32})
    assert {name: task.epochs for name, task in scenario.tasks.items()} == {"cnn": 5, "vit": 2}
    assert {task.batch_size for task in scenario.tasks.values()} == {32}
    assert scenario.tasks["vit"].learning_rate == 1e-4


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("tasks.cnn.epochs=5", ["tasks", "cnn", "epochs"], 5),
        ("tasks.vit.epochs=5", ["tasks", "vit", "epochs"], 5),
        ("tasks.vit.schedule.patience=7", ["tasks", "vit", "schedule", "patience"], 7),
        ("tasks.cnn.model_options.depth=3", ["tasks", "cnn", "model_options", "depth"], 3),
        ("seeds=[1,2]", ["seeds"], [1, 2]),
        ("datasets.electron_photon.events=40", ["datasets", "electron_photon", "events"], 40),
        ("tasks.cnn.dataset=photons", ["tasks", "cnn", "dataset"], "photons"),
        ("datasets.photons.split.seed=9", ["datasets", "photons", "split", "seed"], 9),
    ],
)
def test_an_override_changes_exactly_its_key(folder, override, key, value):
    expected = load(folder).model_dump(mode="json")
    section = expected
    for part in key[:-1]:
        section = section[part]
    assert section[key[-1]] != value
    section[key[-1]] = value
    assert load(folder, override).model_dump(mode="json") == expected


def test_two_overrides_change_both_keys(folder):
    scenario = load(folder, "tasks.cnn.epochs=5  seeds=[3,4]")
    assert (scenario.tasks["cnn"].epochs, scenario.seeds) == (5, (3, 4))


def test_a_task_of_a_scenario_may_be_like_another(folder):
    tasks = {"cnn": None, "wide": {"like": "cnn", "title": "Wide", "batch_size": 7}}
    scenario = load(folder, tasks=tasks, all_tasks={"batch_size": 32, "epochs": 5})
    cnn, wide = scenario.tasks["cnn"], scenario.tasks["wide"]
    assert wide == cnn.model_copy(update={"title": "Wide", "batch_size": 7})
    assert (cnn.batch_size, wide.epochs) == (32, 5)


def test_a_task_may_be_like_one_of_the_same_scenario(folder):
    tasks = {
        "wider": {"like": "wide", "learning_rate": 0.5},
        "wide": {"like": "cnn", "batch_size": 7},
    }
    scenario = load(folder, tasks=tasks, all_tasks={"batch_size": 32, "epochs": 5})
    wide, wider = scenario.tasks["wide"], scenario.tasks["wider"]
    assert wider == wide.model_copy(update={"learning_rate": 0.5})
    assert (wider.batch_size, wider.epochs) == (7, 5)


def test_tasks_that_are_like_each_other_are_refused(folder):
    tasks = {"a": {"like": "b"}, "b": {"like": "c"}, "c": {"like": "b"}}
    with pytest.raises(UserError, match=r"tasks.c.like: b is based on c in turn; name another"):
        load(folder, tasks=tasks)


def test_a_key_of_tasks_in_another_place_is_refused_with_the_right_one(folder):
    with pytest.raises(UserError, match=r"override 'epochs=2': epochs is a key of tasks; set it"):
        load(folder, "epochs=2")


def test_a_scenario_may_define_a_task_with_all_its_keys(folder):
    task = load(folder).tasks["cnn"].model_dump()
    scenario = load(folder, tasks={"mine": task | {"epochs": 9}})
    assert scenario.tasks["mine"].epochs == 9


def test_a_task_that_is_like_none_is_refused_with_what_works(folder):
    with pytest.raises(UserError, match=r"tasks.mine.like: tasks.yaml has no task 'cmn'; did you"):
        load(folder, tasks={"mine": {"like": "cmn"}})
    with pytest.raises(UserError, match=r"like: expected the name of a task, found \['cnn'\]"):
        load(folder, tasks={"mine": {"like": ["cnn"]}})
    with pytest.raises(UserError, match=r"no task 'mine'.*defines a task of its own with `like`"):
        load(folder, tasks={"mine": {"epochs": 3}})


def test_the_former_name_of_all_tasks_is_refused_with_the_new_one(folder):
    with pytest.raises(UserError, match="defaults has a new name, all_tasks; rename the key"):
        load(folder, defaults={"epochs": 5})


def test_an_override_of_all_tasks_reaches_tasks_that_say_nothing_else(folder):
    scenario = load(folder, "all_tasks.epochs=6")
    assert {name: task.epochs for name, task in scenario.tasks.items()} == {"cnn": 6, "vit": 2}


def test_an_override_of_a_task_leaves_all_tasks_shared_by_others(folder):
    scenario = load(
        folder, "tasks.cnn.model_options.depth=3", all_tasks={"model_options": {"depth": 1}}
    )
    assert scenario.tasks["vit"].model_options == {"depth": 1}


DATASET = {"source": "simulate", "events": 100}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sedes": [1]}, "small.yaml: sedes: unknown key; did you mean 'seeds'?"),
        (
            {"tasks": {"cnn": {"epoch": 5}}},
            "small.yaml: tasks.cnn.epoch: unknown key; did you mean 'epochs'?",
        ),
        (
            {"datasets": {"electron_photon": DATASET | {"evnts": 3}}},
            "small.yaml: datasets.electron_photon.evnts: unknown key; did you mean 'events'?",
        ),
        (
            {"tasks": {"vit": {"schedule": {"kind": "plateau", "patiens": 3}}}},
            "small.yaml: tasks.vit.schedule.patiens: unknown key; did you mean 'patience'?",
        ),
        ({"tasks": {"cnn": {"epochs": "many"}}}, "tasks.cnn.epochs: "),
        ({"tasks": {"cnn": {"epochs": 1.5}}}, "tasks.cnn.epochs: "),
        ({"tasks": {"cnn": {"epochs": 0}}}, "tasks.cnn.epochs: Input should be greater than 0"),
        ({"tasks": {"cnn": {"learning_rate": "nan"}}}, "tasks.cnn.learning_rate: "),
        ({"tasks": {"cnn": {"learning_rate": float("nan")}}}, "'.nan' is not a finite number"),
        ({"tasks": {"cnn": {"optimizer": "sgd"}}}, "tasks.cnn.optimizer: "),
        ({"tasks": {"cnn": 5}}, "tasks.cnn: "),
        ({"tasks": ["cnn"]}, "tasks: "),
        ({"seeds": []}, "seeds: "),
        ({"seeds": [1, -1]}, "seeds.1: "),
        ({"seeds": [2, 1, 2]}, "seeds: [2, 1, 2] lists a seed twice; remove one"),
        ({"datasets": {}}, "datasets: "),
        ({"tasks": {}}, "tasks: "),
        (
            {"datasets": {"electron_photon": {"events": 3}}},
            "datasets.electron_photon.source: this key is missing; add it",
        ),
        (
            {"datasets": {"electron_photon": {"source": "simulate"}}},
            "datasets.electron_photon.events: this key is missing; add it",
        ),
        (
            {"datasets": {"electron_photon": {"source": "simulation"}}},
            "datasets.electron_photon.source: 'simulation' is not one of 'simulate', 'fetch'",
        ),
        (
            {"datasets": {"quark_gluon": DATASET}},
            "tasks.cnn.dataset: unknown dataset 'electron_photon'; choose one of qu",
        ),
        (
            {"datasets": {"electron_photon": DATASET, "muons": DATASET}},
            "datasets.muons.layout: unknown layout 'muons' (",
        ),
        ({"tasks": {"cmn": None}}, "tasks.yaml has no task 'cmn'; did you mean 'cnn'?"),
        (
            {"tasks": {"cnn": {"ranks": 100}}},
            "tasks.cnn: batch_size 64 is too small for 100 ranks; raise batch_size, lower ranks",
        ),
        (
            {"tasks": {"cnn": {"communicator": "single"}}},
            "tasks.cnn: communicator 'single' is for one rank, but ranks is 2; set ranks to",
        ),
        (
            {"tasks": {"cnn": {"model": "cmn"}}},
            "tasks.cnn.model: module calobatch.models.cmn does not exist; correct the name, or add "
            "the file; did you mean 'cnn'?",
        ),
        (
            {"datasets": {"a": {"source": "files", "files": "a.npz", "split": {"folds": 2}}}},
            "datasets.a.split.folds: 2 folds are too few; use at least 3",
        ),
        (
            {"tasks": {"cnn": {"model": "no_such_package.model"}}},
            "tasks.cnn.model: module no_such_package.model does not exist; correct the name",
        ),
        (
            {"tasks": {"cnn": {"model": "build"}}},
            "models/build.py has no class Model; add it, or name another file",
        ),
        (
            {"tasks": {"cnn": {"model": "keras_weights"}}},
            "models/keras_weights.py has no class Model; add it, or name another file",
        ),
        ({"tasks": {"cnn": {"model": ".."}}}, "tasks.cnn.model: module .. does not exist; correct"),
        (
            {"ensembles": {"both": {"members": ["cmn"]}}},
            "ensembles.both.members: unknown task 'cmn'; choose from cnn, vit",
        ),
        ({"ensembles": {"both": {"members": []}}}, "ensembles.both.members: "),
        (
            {"ensembles": {"both": {"members": ["cnn", "cnn"]}}},
            "ensembles.both.members lists a task twice; remove one",
        ),
        (
            {"ensembles": {"cnn": {"members": ["vit"]}}},
            "ensembles.cnn: a task has the same name; choose another one",
        ),
        (
            {
                "tasks": {"cnn": None, "vit": {"training_events": 50}},
                "ensembles": {"both": {"members": ["cnn", "vit"]}},
            },
            "ensembles.both.members have different values of training_events, None and 50; choose",
        ),
        (
            {
                "datasets": {"electron_photon": DATASET | {"split": {"folds": 3}}},
                "ensembles": {"both": {"members": ["cnn", "vit"]}},
            },
            "ensembles.both: electron_photon has folds, whose trainings are tested on different",
        ),
    ],
)
def test_a_mistake_in_a_scenario_is_a_message_that_names_key_and_fix(folder, changes, message):
    assert message in refused(folder, **changes)


def test_every_mistake_has_a_line_of_its_own(folder):
    lines = refused(folder, seeds=[-1], titel="x", title=None).splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"{folder / 'small.yaml'}: ") for line in lines)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("epochs", "cannot read the override 'epochs'; write it as tasks.electron_photon_cnn"),
        ("tasks..epochs=5", "cannot read the override 'tasks..epochs=5'"),
        ("=5", "cannot read the override '=5'"),
        ("seeds=[1, 2]", "'[1,' is not a YAML value (line 1, column 4: while parsing"),
        ("tasks.cnn.epochs={", "'{' is not a YAML value"),
        ("seeds.first=1", "seeds: Input should be a valid tuple"),
        ("title.x=1", "'title' is a value, not a section; remove what follows it before the ="),
        (
            "tasks.cnn.epochs.x=1",
            "'epochs' is a value, not a section; remove what follows it before the =",
        ),
        ("sedes=[1]", "sedes: unknown key; did you mean 'seeds'?"),
        ("tasks.cmn.epochs=5", "no task 'cmn'; did you mean 'cnn'?"),
        ("tasks.cnn.epoch=5", "tasks.cnn.epoch: unknown key; did you mean 'epochs'?"),
        ("tasks.cnn.epochs=five", "tasks.cnn.epochs: "),
        ("datasets.electron_fotons.events=5", "datasets.electron_fotons.source: this key is miss"),
    ],
)
def test_a_bad_override_is_a_message_that_names_it(folder, override, message):
    assert message in refused(folder, override)


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("tasks.cnn.epochs=five", "tasks.cnn.epochs"),
        ("all_tasks.epochs=five", "tasks.cnn.epochs"),
        ("seeds=[-1]", "seeds.0"),
        ("datasets.electron_photon.events=0", "datasets.electron_photon.events"),
        ("tasks.cnn.model=no_such_model", "tasks.cnn.model"),
    ],
)
def test_a_mistake_in_an_override_is_not_blamed_on_the_file(folder, override, key):
    lines = refused(folder, f"title=Right {override}").splitlines()
    assert all(line.startswith(f"override {override!r}: {key}: ") for line in lines)


def test_a_mistake_in_the_file_is_not_blamed_on_an_override(folder):
    (line,) = refused(folder, "tasks.cnn.epochs=5 seeds=[1]", titel="x").splitlines()
    assert line.startswith(f"{folder / 'small.yaml'}: titel: ")


def test_an_unknown_scenario_comes_with_the_known_ones(folder):
    for name in ("big", "tasks", str(folder / "big.yaml")):
        with pytest.raises(UserError, match=f"unknown scenario '{name}'.*; known: small$"):
            load_scenario(name, folder=folder)
    with pytest.raises(UserError, match=r"unknown scenario 'smal'.*; did you mean 'small'[?]$"):
        load_scenario("smal", folder=folder)


@pytest.mark.parametrize("name", ["my-own", "Mine", "two words"])
def test_a_scenario_file_whose_name_cannot_be_a_folder_is_refused(folder, name):
    (folder / f"{name}.yaml").write_text(SCENARIO)
    with pytest.raises(UserError, match=f"{name}.yaml: rename the file to lower-case letters"):
        load_scenario(name, folder=folder)


def test_outside_the_checkout_the_message_says_where_to_run_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=f"{tmp_path} has no folder config; run calobatch in"):
        load_scenario("quickstart")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("from calobatch.models.cnn import Model\n", ""),
        ("class Model:\n    pass\n", ""),
        ("import torch\nprint(torch.Model)\n", "has no class Model"),
        ("class Model(:\n", "cannot read the model .*invalid syntax"),
    ],
)
def test_the_file_of_a_user_s_own_model_is_checked(folder, monkeypatch, source, message):
    monkeypatch.syspath_prepend(folder)
    (folder / "my_package").mkdir()
    (folder / "my_package" / "my_model.py").write_text(source)
    tasks = {"cnn": {"model": "my_package.my_model"}}
    try:
        if message:
            assert re.search(message, refused(folder, tasks=tasks))
        else:
            assert load(folder, tasks=tasks).tasks["cnn"].model == "my_package.my_model"
    finally:
        sys.modules.pop("my_package", None)


@pytest.mark.parametrize(
    "content", [b"title: [", b"- a\n- b\n", b"", b"\xff\xfe\x00", b"title: \x00"]
)
@pytest.mark.parametrize("file", ["small.yaml", "tasks.yaml"])
def test_a_file_without_keys_and_values_is_refused_by_its_name(folder, file, content):
    (folder / file).write_bytes(content)
    with pytest.raises(UserError, match=file):
        load_scenario("small", folder=folder)


def test_a_task_without_keys_is_refused_by_its_name(folder):
    (folder / "tasks.yaml").write_text("cnn:\nvit: {}\n")
    with pytest.raises(
        UserError, match=r"tasks.yaml: cnn: expected lines of the form `key: value` below it"
    ):
        load_scenario("small", folder=folder)


WORDS = "title datasets tasks seeds all_tasks like cnn vit epochs model source schedule kind x"
KEYS = st.sampled_from([*WORDS.split(), "electron_photon", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | KEYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(changes=st.dictionaries(KEYS.filter(bool), VALUES, max_size=3), tasks=VALUES)
def test_any_content_of_a_file_is_loaded_or_refused_with_a_message(
    tmp_path_factory, changes, tasks
):
    folder = tmp_path_factory.mktemp("any")
    (folder / "tasks.yaml").write_text(yaml.safe_dump(yaml.safe_load(TASKS) | {"x": tasks}))
    try:
        assert load(folder, **changes).seeds
    except UserError as error:
        refusal = str(error)
        assert refusal


def test_the_module_of_a_model_is_in_calobatch_models_unless_its_name_has_a_dot():
    assert model_module("cnn") == "calobatch.models.cnn"
    assert model_module("my_package.my_model") == "my_package.my_model"


def test_loading_and_checking_the_model_s_name_does_not_import_torch():
    script = (
        "import sys; from pathlib import Path; from calobatch.config.load import load_scenario; "
        f"load_scenario('quickstart', folder=Path({str(CONFIG)!r})); "
        "print('torch' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "False"


def test_a_different_kind_of_schedule_drops_the_keys_of_the_old_one():
    key = "tasks.electron_photon_vit.schedule"
    schedule = (
        load_scenario("cms", f"{key}.kind=cosine", CONFIG).tasks["electron_photon_vit"].schedule
    )
    assert schedule.kind == "cosine"
    with pytest.raises(UserError, match="schedule"):
        load_scenario("cms", f"{key}.kind=cosine {key}.factor=0.1", CONFIG)


def test_a_scenario_elsewhere_must_not_have_the_name_of_one_in_config(tmp_path):
    shutil.copy(CONFIG / "test.yaml", tmp_path / "test.yaml")
    with pytest.raises(UserError, match="give the file another name"):
        load_scenario(str(tmp_path / "test.yaml"), folder=CONFIG)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("tasks.electron_photon_cnn.epochs=true", "epochs: Input should be a valid integer"),
        ("tasks.electron_photon_cnn.epochs=2.5", "epochs: Input should be a valid integer"),
        ("tasks.electron_photon_cnn.learning_rate_scaling=linear", "set grow_batch_with_ranks"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(override, message):
    with pytest.raises(UserError, match=message):
        load_scenario("test", override, CONFIG)


def test_a_simulated_dataset_of_a_layout_without_a_simulation_is_refused(folder):
    file = folder / "layouts" / "electron_photon.yaml"
    file.write_text(file.read_text().replace("simulator: crops\n", ""))
    message = (
        "datasets.electron_photon.layout: layout 'electron_photon' cannot be simulated; fetch its"
    )
    assert message in refused(folder)


TREES = {
    "title": "Trees", "dataset": "electron_photon", "model": "boosted_trees", "epochs": 2,
    "batch_size": 64, "learning_rate": 0.1, "ranks": 1, "communicator": "torch",
}  # fmt: skip


def test_all_keys_that_boosted_trees_cannot_follow_are_named_with_what_to_set(folder):
    used = {"early_stopping": 2, "threads": 2, "device": "cpu", "model_options": {"leaves": 4}}
    trees = TREES | used
    assert load(folder, tasks={"trees": trees}).tasks["trees"].early_stopping == 2
    message = refused(
        folder, tasks={"trees": trees, "cnn": None},
        all_tasks={"clip_gradients": 1.0},
        overrides='tasks.trees.ranks=2 tasks.trees.schedule={"kind":"cosine"}',
    )  # fmt: skip
    assert "small.yaml: tasks.trees: model boosted_trees is fitted by one rank" in message
    expected = 'set clip_gradients: null, schedule: {"kind": "constant"}, ranks: 1'
    assert message.endswith(expected)
    # Each value that the message names is one that can be set.
    load(folder, tasks={"trees": trees | yaml.safe_load(f"{{{expected.removeprefix('set ')}}}")})
