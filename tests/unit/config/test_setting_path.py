"""Paths of settings as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ductile.config.errors import BadPath
from ductile.config.setting_path import format_path, parse_path
from ductile.document.paths import APPEND
from ductile.document.problem import Path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("service.log_level", ("service", "log_level")),
        ("routes[0].to", ("routes", 0, "to")),
        ("routes.0.to", ("routes", 0, "to")),
        ("plugins.0.to", ("plugins", "0", "to")),
        ("routes[+]", ("routes", APPEND)),
        ("routes.+", ("routes", APPEND)),
        ("new[+].every", ("new", APPEND, "every")),
        ('plugins."my.plugin".config', ("plugins", "my.plugin", "config")),
        ('plugins["my.plugin"].config', ("plugins", "my.plugin", "config")),
        ('plugins."q\\"uote"', ("plugins", 'q"uote')),
        ("plugins.py-greet.timeout", ("plugins", "py-greet", "timeout")),
    ],
)
def test_a_path_is_read(text: str, path: Path) -> None:
    assert parse_path(text, {"routes": [{"to": 1}], "plugins": {"0": {}}}) == path


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "a[", "a[x]", "a[0]b", 'a."', "[", "a[-1]", "a]"])
def test_what_is_no_path_says_so(text: str) -> None:
    with pytest.raises(BadPath, match="is no path of a setting"):
        parse_path(text, {})


@given(path=st.lists(st.text(min_size=1) | st.integers(APPEND, 99), min_size=1, max_size=4).map(tuple))
def test_a_path_that_is_shown_can_be_given_back(path: Path) -> None:
    if isinstance(path[0], int):
        return
    value: object = None
    for part in reversed(path):
        value = {part: value} if isinstance(part, str) else [value] * (part + 1)
    assert parse_path(format_path(path), value) == path
