"""The keys in which the settings of two trainings differ."""

import json

from pydantic import BaseModel

from calobatch.config.training import Training


def changes(first: Training, second: Training) -> dict[str, tuple[str, str]]:
    """Return both values of each key that differs, as a scenario has them."""
    pairs = {key: (getattr(first, key), getattr(second, key)) for key in Training.model_fields}
    return {key: (_shown(a), _shown(b)) for key, (a, b) in pairs.items() if a != b}


def _shown(value: object) -> str:
    plain = value.model_dump() if isinstance(value, BaseModel) else value
    return json.dumps(plain, default=list)
