"""train: the ranks of one training, from the packed store to model, history and predictions."""
