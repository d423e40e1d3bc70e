"""Print the version of the Python that runs this, or refuse it if calobatch does not support it.

    PYTHON environment/check_python.py CALLER

Prints for instance 3.11. An unsupported version ends with exit code 2 and one message, which begins
with CALLER. The supported versions are requires-python in pyproject.toml. The syntax is old on
purpose: an old Python must come as far as the message.
"""

import os
import re
import sys

# What the first unsupported version waits for.
MISSING = {(3, 14): ", for which pythia8mc 8.317.2 and immutables 0.21 have no wheels"}

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "pyproject.toml")) as file:
    range_ = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', file.read())
minors = range(int(range_.group(1)), int(range_.group(2)))
here = sys.version_info[:2]
if here[0] == 3 and here[1] in minors:
    print("3.%d" % here[1])
else:
    names = ", ".join("3.%d" % minor for minor in minors[:-1]) + " or 3.%d" % minors[-1]
    sys.stderr.write(
        "%s: %s is Python %d.%d%s; name a Python %s with PYTHON=/path/to/python3.%d\n"
        % (sys.argv[1], sys.executable, here[0], here[1], MISSING.get(here, ""), names, minors[-1])
    )
    sys.exit(2)
