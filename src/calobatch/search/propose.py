"""propose: choose the settings of the next trials from the outcomes of those before.

Nothing but the outcomes of finished trials is remembered between two steps, so a search that was
killed goes on, and the same outcomes give the same proposals. They are validation figures only.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

from calobatch.config.search import Range, Request, is_whole, value_of, with_values
from calobatch.config.training import Training
from calobatch.run.trials import Outcome, Proposal, Trial, ranked, require_success

# The number of trials whose outcomes TPE needs. Until then, values are drawn at random.
FEWEST_OUTCOMES = 4
# How often other values are drawn if some were tried before, which happens in small ranges.
TRIES = 100
# A value with more digits is no better, and nobody could type it.
DIGITS = 4


def propose(task: str, request: Request, outcomes: Sequence[Outcome]) -> Proposal:
    """Return the trials that a step is asked for; ``outcomes`` are those of the steps before.

    Raises UserError if the best of them are to be trained on, and all have failed. If too few have
    not failed, some that have are tried again, which ends at once.
    """
    if request.training is None:
        best = ranked(outcomes)[: request.trials]
        require_success(task, best)
        chosen = {
            found.number: with_values(found.training, {"epochs": request.epochs}) for found in best
        }
    else:
        first = request.first or 1
        drawn = _draw(request, request.training, outcomes)
        chosen = {
            number: with_values(request.training, values)
            for number, values in enumerate(drawn, first)
        }
    return Proposal(
        task=task,
        seed=request.seed,
        trials=tuple(Trial(number=n, training=training) for n, training in chosen.items()),
    )


def _draw(
    request: Request, training: Training, outcomes: Sequence[Outcome]
) -> Iterator[dict[str, Any]]:
    """Yield the values of one new trial after the other."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    ranges = request.ranges
    drawn = {key: _distribution(training, key, found) for key, found in ranges.items()}
    # Each step has random numbers of its own, which do not depend on the number of steps.
    state = np.random.SeedSequence([request.seed, request.first or 1]).generate_state(1)
    sampler = optuna.samplers.TPESampler(seed=int(state[0]), n_startup_trials=FEWEST_OUTCOMES)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    known = [{key: value_of(outcome.training, key) for key in ranges} for outcome in outcomes]
    for outcome, values in zip(outcomes, known, strict=True):
        study.add_trial(_told(outcome, values, drawn))
    own = {key: value_of(training, key) for key in ranges}
    if request.first == 1 and all(ranges[key].has(value) for key, value in own.items()):
        study.enqueue_trial(own)
    for _ in range(request.trials):
        for _ in range(TRIES):
            asked = study.ask(drawn)
            values = {key: _rounded(value, ranges[key]) for key, value in asked.params.items()}
            if values not in known:
                break
        known.append(values)
        yield values


def _told(
    outcome: Outcome, values: dict[str, Any], drawn: dict[str, BaseDistribution]
) -> FrozenTrial:
    """Return an outcome as optuna knows it; a failed trial counts as worse than all others."""
    if outcome.failed:
        return create_trial(params=values, distributions=drawn, state=TrialState.PRUNED)
    return create_trial(params=values, distributions=drawn, value=outcome.best.validation_auc)


def _distribution(training: Training, key: str, found: Range) -> BaseDistribution:
    if found.low is None or found.high is None:
        return CategoricalDistribution(found.choices)
    if is_whole(training, key, found):
        return IntDistribution(int(found.low), int(found.high), log=found.log)
    return FloatDistribution(float(found.low), float(found.high), log=found.log)


def _rounded(value: Any, found: Range) -> Any:
    """Return a value with few digits, inside of its range."""
    if not isinstance(value, float) or found.low is None or found.high is None:
        return value
    return float(min(max(float(f"{value:.{DIGITS}g}"), found.low), found.high))
