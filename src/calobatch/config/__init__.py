"""The configuration: pydantic models (one definition of defaults and checks) and their loader."""
