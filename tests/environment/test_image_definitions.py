"""What an image tries at the end of its build also works outside of it, with the code of today.

Images are not built again when only code changes, so a build would notice a change too late.
"""

import re
import subprocess

import pytest

from tests.checkout import CHECKOUT

SECTION = re.compile(r"^%test\n(.*?)(?=^%|\Z)", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("image", ["data", "train"])
def test_the_script_that_tests_an_image_succeeds(image):
    definition = (CHECKOUT / f"containers/{image}.def").read_text()
    script = SECTION.search(definition)[1].replace("{{ variant }}", "cpu")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
