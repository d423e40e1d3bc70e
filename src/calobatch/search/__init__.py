"""propose, trial and choose: search for the hyperparameters of a task with many short trainings."""
