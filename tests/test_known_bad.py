"""No version that is pinned is one whose hole is known. The table is short and kept by hand: it asks nobody."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.version import Version

from tests.conftest import ROOT

# Each below the version named here: what could be done with it.
KNOWN_BAD = {
    "python-jose": ("3.4", "CVE-2024-33663: a public key passes for a secret; CVE-2024-33664: tokens that unpack"),
    "starlette": ("0.40", "CVE-2024-47874: a form field without an end fills the memory"),
    "h11": ("0.16", "CVE-2025-43859: chunks that a proxy reads otherwise"),
    "cryptography": ("42", "CVE-2023-50782: RSA decryption that tells by its time"),
    "urllib3": ("2.5", "CVE-2025-50181: redirects that were switched off are followed"),
    "jinja2": ("3.1.6", "CVE-2025-27516: out of the sandbox by a filter"),
}
OURS = {"python-jose", "starlette", "h11", "cryptography", "jinja2"}
LISTS = sorted((ROOT / "requirements").glob("*.txt"))


def pinned(listed: str) -> dict[str, Version]:
    """What a list of requirements pins, by name."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", listed, re.MULTILINE)
    return {re.sub(r"[._]", "-", name.lower()): Version(version) for name, version in found}


def bad(listed: str) -> Iterator[str]:
    """What is pinned there and known to be bad, with the reason."""
    for name, version in pinned(listed).items():
        good, why = KNOWN_BAD.get(name, ("0", ""))
        if version < Version(good):
            yield f"{name} {version}: {why}"


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.name)
def test_nothing_that_is_pinned_is_known_to_be_bad(path: Path) -> None:
    listed = path.read_text(encoding="utf-8")
    assert list(bad(listed)) == []
    assert OURS <= pinned(listed).keys(), "what the table watches goes by the names that it has there"


def test_an_old_version_is_found_however_it_is_written() -> None:
    listed = "Jinja2==3.1.5 \\\n    --hash=sha256:0\npython_jose==3.3.0 ; python_version > '3'\nh11==0.16.0\n"
    assert [each.partition(":")[0] for each in bad(listed)] == ["jinja2 3.1.5", "python-jose 3.3.0"]
