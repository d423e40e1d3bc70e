"""The models, one per file. A model is a torch module, class ``Model``; tasks name it by its file.

Each rank builds ``Model(layout, **model_options)`` once. ``Model.inputs`` has the names of the
arguments of ``forward``, in order: ``"image"`` is (B, C, H, W) as in the store; ``"hits"`` is
(B, L, 2 + C), the same as a list of pixels (:mod:`calobatch.hits`), in which a row of zeros is no
hit and must change nothing; and ``"scalars"`` is (B, S), standardised with the mean and standard
deviation of the training split. ``forward`` returns
logits (B, K), one per class of the layout; the softmax is part of the loss. Initial weights are
those of PyTorch unless a file says otherwise. A class with ``grows_trees`` is fitted by
:mod:`calobatch.train.fit_trees` and has the methods and attributes of ``boosted_trees.Model``.
"""
