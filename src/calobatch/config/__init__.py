"""The configuration: pydantic models, which define defaults and checks, and their loader."""
