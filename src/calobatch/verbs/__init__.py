"""The verbs of the command line. The options of each verb are directly above its action.

Actions import the modules that they need, so that `calobatch --help` and the verbs that do not use
torch start at once.
"""
