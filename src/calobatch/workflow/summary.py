"""Say in a few lines what a scenario is: what will run, on which data, and where results go."""

from calobatch.config.dataset import Fetched, Files, Simulated
from calobatch.config.scenario import Scenario, Task
from calobatch.layouts import Layout
from calobatch.pack.settings import file_labels, own_files
from calobatch.run.name import members_of, runs_of
from calobatch.words import counted, joined
from calobatch.workflow.datasets import layout_of, raw_files
from calobatch.workflow.scenario import Setup


def headline(scenario: Scenario) -> str:
    """Return the scenario's name and title, its trainings, and a line for each search."""
    number = len(runs_of(scenario))
    folds = {name: dataset.split.folds for name, dataset in scenario.datasets.items()}
    of_datasets = "".join(f"; {n} folds of {name}" for name, n in folds.items() if n)
    seeds = ", ".join(map(str, scenario.seeds))
    searches = [
        f"search for settings of {name}: {task.search}" for name, task in scenario.searched.items()
    ]
    return "\n".join(
        [
            f"scenario {scenario.name}: {scenario.title}",
            f"{counted(number, 'training')}: {', '.join(scenario.tasks)}; "
            f"{counted(len(scenario.seeds), 'seed')}: {seeds}{of_datasets}",
            *searches,
        ]
    )


def summary(setup: Setup) -> str:
    """Return the headline, one line for each dataset, task and ensemble, and where results go."""
    scenario = setup.scenario
    datasets = [f"dataset {name}: {_described(setup, name)}" for name in scenario.datasets]
    tasks = [f"task {name}: {_settings(task)}" for name, task in scenario.tasks.items()]
    ensembles = [
        f"ensemble {name}: {counted(len(members_of(scenario, name)), 'training')} of "
        f"{joined(ensemble.members)}"
        for name, ensemble in scenario.ensembles.items()
    ]
    return "\n".join(
        [
            headline(scenario),
            *datasets,
            *tasks,
            *ensembles,
            f"data in data/{scenario.name}/, results in results/{scenario.name}/",
        ]
    )


def _described(setup: Setup, name: str) -> str:
    dataset = setup.scenario.datasets[name]
    layout = layout_of(setup.scenario, name)
    *first, last = layout.classes
    images = f"{', '.join(first)} or {last}, images {layout.shape}"
    match dataset:
        case Simulated():
            return f"{dataset.events:,} simulated events; {images}"
        case Fetched():
            files = raw_files(setup, name)
            sizes = [
                public.bytes
                for public in setup.public_files
                if public.dataset == name and f"data/public/{name}/{public.file}" in files
            ]
            known = sum(size for size in sizes if size)
            size = f", {known / 1e9:.1f} GB" if known and all(sizes) else ""
            return f"{counted(len(files), 'file')} to be fetched{size}; {images}"
        case Files():
            own = own_files(name, dataset)
            events = _events_in(name, dataset, layout)
            return f"{counted(len(own), 'file')} of your own{events}; {images}"


def _events_in(name: str, dataset: Files, layout: Layout) -> str:
    """Return how many events the files have, in words; empty where they cannot be read.

    Raises UserError if the structure of a file is not that of the layout, or if its labels are not
    those of the classes.
    """
    try:
        from calobatch.pack.labels import open_files, read_labels

        given = file_labels(name, dataset, layout)
        raws = open_files(list(own_files(name, dataset)), layout, given)
        events = len(read_labels(name, layout, raws, {}, given))
    except ImportError:  # a login node has no library for the format
        return ""
    return f" with {events:,} events"


def _settings(task: Task) -> str:
    ranks = f"{counted(task.ranks, 'rank')} ({task.communicator}, device {task.device})"
    return (
        f"model {task.model}, {counted(task.epochs, 'epoch')}, batches of {task.batch_size}, "
        f"learning rate {task.learning_rate:g}, {ranks}"
    )
