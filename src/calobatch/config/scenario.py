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

    def training(self) -> Training:
        """Return the settings that a training depends on, and nothing else."""
        return Training(**{name: getattr(self, name) for name in Training.model_fields})


class Scenario(Section):
    """One run of the workflow, complete: its datasets, tasks and seeds."""

    name: Name
    title: str
    datasets: dict[Name, AnyDataset] = Field(min_length=1)
    tasks: dict[Name, Task] = Field(min_length=1)
    seeds: tuple[Seed, ...] = Field((1,), min_length=1)

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
        return self

    @model_validator(mode="after")
    def _searches_are_fair(self) -> "Scenario":
        for name, task in self.searched.items():
            where = f"tasks.{name}.search"
            if self.datasets[task.dataset].split.folds:
                raise ValueError(
                    f"{where}: dataset {task.dataset} has folds, so that events which choose the "
                    "settings in one fold would test them in another; remove folds or search"
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
