"""The reference has all public names, and no others."""

import re
from collections import Counter

import pytest

from docs.pages import DOCS
from docs.public import public_names

pytestmark = pytest.mark.once

_DIRECTIVE = re.compile(r"^\.\. (?:auto(?:class|exception|function)|py:data):: (\S+)$", re.MULTILINE)


def test_every_public_name_is_documented_once() -> None:
    """The directive has the name that users import."""
    pages = "".join(page.read_text() for page in (DOCS / "reference").glob("*.md"))
    assert Counter(_DIRECTIVE.findall(pages)) == Counter(public_names())
