"""What the pages are compared by sees differences, and overlooks what varies alone."""

from pathlib import Path

import pytest
from support.pages import ADDRESS, Block, blocks_of, environ, faults, run, same


@pytest.mark.parametrize(
    ("said", "printed", "language", "alike"),
    [
        ("done in 5 ms\n", "done in 17.2 s", "text", True),
        ("one\n…\nfour\n", "one\ntwo\nthree\nfour\n", "text", True),
        ("one\n…\nfour\n", "one\ntwo\nfive\n", "text", False),
        ("a  b\n", "a      b\n", "text", True),
        ("ab\n", "a b\n", "text", False),
        ("it is 2026-11-22T04:30:20.226Z", "it is 2031-01-01T00:00:00Z", "text", True),
        ('{"a": 1, "…": "…"}', '{"a": 1, "b": 2}', "json", True),
        ('{"a": 1}', '{"a": 1, "b": 2}', "json", False),
        ('{"a": "…"}', '{"a": [2]}', "json", True),
        ('[1, "…"]', "[1, 2, 3]", "json", True),
        ('[1, 2, "…"]', "[1]", "json", False),
        ("{}", "no JSON", "json", False),
    ],
)
def test_outputs_are_alike_but_for_what_varies(said: str, printed: str, language: str, alike: bool) -> None:  # noqa: FBT001
    assert same(said, printed, language) is alike


def page(tmp_path: Path, text: str) -> list[Block]:
    (tmp_path / "page.md").write_text(text)
    return blocks_of(tmp_path / "page.md")


def test_a_page_that_says_another_thing_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("support.pages.ROOT", tmp_path)
    monkeypatch.delenv("UPDATE_GOLDEN", raising=False)
    blocks = page(
        tmp_path,
        """
<!-- file: said.txt -->
```text
hello
```

```sh
cat said.txt
```

```text
good bye
```

```sh
echo unsaid
```

<!-- any output -->
```sh
tty > /dev/null 2>&1 || test -t 1 && date
```
""",
    )
    one, two = faults(blocks, run(blocks, tmp_path, ADDRESS, environ(tmp_path)))
    assert one.startswith("page.md:15 prints, and the page does not say what:\nunsaid")
    assert two == "page.md:11 says\ngood bye\n\nbut there is\nhello\n"


def test_a_command_that_fails_is_named_by_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("support.pages.ROOT", tmp_path)
    blocks = page(tmp_path, "\n```sh\ntrue\n```\n\n```sh\nfalse\n```\n")
    with pytest.raises(AssertionError, match=r"page\.md:6 failed with 1"):
        run(blocks, tmp_path, ADDRESS, environ(tmp_path))
