"""The verbs of the command line. Each verb's options stand directly above its action.

A verb imports the modules that it needs inside its action, so that `calobatch --help`, and verbs
without torch, start at once.
"""
