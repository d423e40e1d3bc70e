"""train: train a model on a packed store with many ranks; leave weights, history, predictions."""
