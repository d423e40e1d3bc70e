"""A scenario: its datasets, its tasks and its seeds, as it is and as it is written in a file.

The messages of `calobatch check`, the JSON schema and config/README.md all come from this file.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from calobatch.config.dataset import AnyDataset, Seed
from calobatch.config.search import Search, check_ranges, ends_of_options
from calobatch.config.section import Name, Section, refuse_bool, unit
from calobatch.config.training import Training


class Task(Training):
    """A training on a dataset, and the published result that it reproduces."""

    title: str = Field(description="the task in a few words, for the report and MLflow")
    dataset: str = Field(description="name of one of the scenario's datasets")
    reference_auc: dict[Literal["train", "validation", "test"], float] = Field(
        {}, description="published AUC on the public data, by split"
    )
    reference_source: str = Field("", description="where the reference was published")
    # Not in Training, because no result depends on it: a change must not repeat a training.
    hang_seconds: Annotated[float, Field(gt=0), BeforeValidator(refuse_bool)] | None = Field(
        600.0,
        description="time without progress after which a rank is ended, unless it is waiting for "
        "another rank; three times as long for the first step and the first validation; "
        "null: never",
        json_schema_extra=unit("s"),
    )
    # Left out where there is none, because older scenarios were collected without it.
    search: Search | None = Field(
        None,
        description="search for the best values of some keys on the validation split, before the "
        "task is trained with them; default: none",
        exclude_if=lambda search: search is None,
    )

    @model_validator(mode="after")
    def _can_be_searched(self) -> "Task":
        if self.search:
            check_ranges(self.training(), self.search)
        return self

    @property
    def options_to_try(self) -> list[dict[str, Any]]:
        """The options of the model, and those at the ends of the ranges of a search."""
        searched = ends_of_options(self.training(), self.search) if self.search else []
        return [self.model_options, *searched]

    @property
    def most_epochs(self) -> int:
        """The number of epochs of the longest training, of a search's first round or of the task.

        Models that limit it are searched in one round.
        """
        return max(self.epochs, self.search.epochs if self.search else 0)

    def training(self) -> Training:
        """Return the settings that a training depends on, and nothing else."""
        return Training(**{name: getattr(self, name) for name in Training.model_fields})


class Ensemble(Section):
    """Several tasks on one dataset whose trainings predict together."""

    title: str = Field("", description="the ensemble in a few words, for the report and MLflow")
    members: tuple[Name, ...] = Field(
        min_length=1,
        description="names of tasks; all their trainings, one per seed, are members",
    )


class Scenario(Section):
    """One run of the workflow, complete: its datasets, tasks, seeds and ensembles."""

    name: Name
    title: str
    datasets: dict[Name, AnyDataset] = Field(min_length=1)
    tasks: dict[Name, Task] = Field(min_length=1)
    seeds: tuple[Seed, ...] = Field((1,), min_length=1)
    ensembles: dict[Name, Ensemble] = Field({}, exclude_if=lambda ensembles: not ensembles)

    @model_validator(mode="after")
    def _names_agree(self) -> "Scenario":
        for name, task in self.tasks.items():
            if task.dataset not in self.datasets:
                raise ValueError(
                    f"tasks.{name}.dataset: unknown dataset {task.dataset!r}; choose one of "
                    f"{', '.join(sorted(self.datasets))}"
                )
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds: {list(self.seeds)} lists a seed twice; remove one")
        for name, ensemble in self.ensembles.items():
            self._check_ensemble(name, ensemble)
        return self

    def _check_ensemble(self, name: str, ensemble: Ensemble) -> None:
        """Raise ValueError unless the predictions of the members can be averaged."""
        where = f"ensembles.{name}"
        if name in self.tasks:
            raise ValueError(f"{where}: a task has the same name; choose another one")
        for member in ensemble.members:
            if member not in self.tasks:
                raise ValueError(
                    f"{where}.members: unknown task {member!r}; choose from "
                    f"{', '.join(sorted(self.tasks))}"
                )
        if len(set(ensemble.members)) != len(ensemble.members):
            raise ValueError(f"{where}.members lists a task twice; remove one")
        tasks = [self.tasks[member] for member in ensemble.members]
        for key in ("dataset", "training_events"):
            values = list(dict.fromkeys(getattr(task, key) for task in tasks))
            if len(values) > 1:
                raise ValueError(
                    f"{where}.members have different values of {key}, {values[0]} and {values[1]}; "
                    "choose tasks that are trained on the same events"
                )
        if self.datasets[tasks[0].dataset].split.folds:
            raise ValueError(
                f"{where}: {tasks[0].dataset} has folds, whose trainings are tested on different "
                "events; remove the ensemble, or the folds"
            )

    @model_validator(mode="after")
    def _searches_are_fair(self) -> "Scenario":
        for name, task in self.searched.items():
            where = f"tasks.{name}.search"
            if self.datasets[task.dataset].split.folds:
                raise ValueError(
                    f"{where}: dataset {task.dataset} has folds, so events that choose the "
                    "settings in one fold would test them in another; remove the folds or the "
                    "search"
                )
            if task.search and task.search.seed in self.seeds:
                raise ValueError(
                    f"{where}.seed: {task.search.seed} is also one of the scenario's seeds, so the "
                    "winner would be tested with the very training that was chosen; use another"
                )
        return self

    @property
    def searched(self) -> dict[str, Task]:
        """The tasks that have a search."""
        return {name: task for name, task in self.tasks.items() if task.search}


class ScenarioFile(Section):
    """A scenario file: datasets, and tasks of config/tasks.yaml with the keys that it changes."""

    title: str = Field(description="the scenario in a few words, for the report and MLflow")
    datasets: dict[str, AnyDataset] = Field(description="the datasets, each under its name")
    tasks: dict[str, dict[str, Any] | None] = Field(
        description="names of tasks in config/tasks.yaml, each with the keys to change here; a "
        "task of your own needs all keys of a task, or `like` with the name of another task"
    )
    all_tasks: dict[str, Any] = Field(
        {}, description="keys for all tasks; a task's own keys in this file override them"
    )
    training_events: tuple[Annotated[int, Field(gt=0, strict=True)], ...] = Field(
        (),
        description="for learning curves: every task is also trained on each of these numbers of "
        "training events, as a task such as my_task_5000",
        json_schema_extra=unit("events"),
    )
    seeds: tuple[Seed, ...] = Field(
        (1,),
        description="every task is trained once per seed, which sets initial weights, event order "
        "and augmentation",
    )
    ensembles: dict[str, Ensemble] = Field(
        {},
        description="tasks whose trainings predict together: the mean of their probabilities, with "
        "a temperature that is fitted to the validation split",
    )
