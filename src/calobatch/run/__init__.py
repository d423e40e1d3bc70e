"""The contract of a finished training: the files in its run folder, and how to read and write them.

Training writes them; evaluate, collect, report and plan read them. Nothing here imports torch.
"""
