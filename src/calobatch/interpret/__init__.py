"""interpret: find out what the model of a run looks at in the events of the test split."""
