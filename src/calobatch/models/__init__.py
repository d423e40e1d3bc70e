"""One model a file. A model is a torch module, class ``Model``, that a task names by its file.

``Model(layout, **model_options)`` is built once a rank. ``Model.inputs`` names what ``forward``
takes, in order: ``"image"`` is (B, C, H, W) as in the store, ``"scalars"`` is (B, S) standardised
with the mean and standard deviation of the training split. ``forward`` returns logits (B, 2);
the softmax belongs to the loss. Sizes are those of PyTorch's initialisation unless a file says so.
"""
