"""The base of every part of the configuration, and the types of its values."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.config import JsonDict

# Names become folders and Snakemake wildcards.
NAME = r"^[a-z0-9_]+$"
Name = Annotated[str, Field(pattern=NAME)]


def refuse_bool(value: Any) -> Any:
    """Raise ValueError if a value that must be a number is true or false, which are numbers too."""
    if isinstance(value, bool):
        raise ValueError(f"expected a number, found {str(value).lower()}")
    return value


# Not strict, unlike whole numbers, because YAML reads 1e-3 as text. The bounds are written before
# the validator, because pydantic leaves bounds after a validator out of the JSON schema.
Number = Annotated[float, BeforeValidator(refuse_bool)]
NotNegative = Annotated[float, Field(ge=0), BeforeValidator(refuse_bool)]
Share = Annotated[float, Field(ge=0, lt=1), BeforeValidator(refuse_bool)]


def unit(name: str) -> JsonDict:
    """Return a part of the JSON schema that gives a quantity's unit, for config/README.md."""
    return {"unit": name}


class Section(BaseModel):
    """A part of the configuration. Unknown keys are errors, and values cannot be changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
