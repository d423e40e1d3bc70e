"""How fast, how efficient and how costly a training will be on more GPUs than were measured."""
