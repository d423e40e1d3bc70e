"""The contract of a finished training: the files in its run folder, and how to read and write it.

``train`` and ``evaluate`` write these files; ``collect``, ``report`` and ``plan`` read them.
Nothing here imports torch.
"""
