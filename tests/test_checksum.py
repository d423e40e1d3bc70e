import subprocess

import pytest

from calobatch.checksum import sha256_of


@pytest.mark.parametrize("content", [b"", b"abc", bytes(range(256)) * 5000])
def test_the_checksum_equals_that_of_sha256sum(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    expected = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True)
    assert sha256_of(path) == expected.stdout.split()[0]
