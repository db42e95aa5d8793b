from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ductile.document.expand import Expansion, expand
from ductile.document.read import read_text


def expanded(
    text: str, variables: dict[str, str] | None = None, *, root: Path = Path("/"), file: str = "x"
) -> Expansion:
    return expand(read_text(text, file=file), variables or {}, root=root)


def only(result: Expansion) -> str:
    (problem,) = result.problems
    return str(problem)


def test_a_plain_scalar_is_typed_after_expansion_and_a_quoted_one_stays_text() -> None:
    result = expanded("a: ${P}\nb: '${P}'\nc: 1${P}\nd: ${F}\ne: x${P}\n", {"P": "80", "F": "true"})
    assert result.value == {"a": 80, "b": "80", "c": 180, "d": True, "e": "x80"}
    assert result.used == {"P": "80", "F": "true"}


@pytest.mark.parametrize(
    "text",
    [
        "007",
        "1e5",
        "0x1F",
        "0o17",
        "1_000",
        "+5",
        ".5",
        "5.",
        "1.10",
        "-0",
        "yes",
        "True",
        "null",
        "~",
        ".inf",
        "9" * 25,
    ],
)
def test_what_would_be_written_otherwise_stays_text(text: str) -> None:
    assert expanded("a: ${A}\n", {"A": text}).value == {"a": text}


@pytest.mark.parametrize(("text", "value"), [("8080", 8080), ("-3", -3), ("0.25", 0.25), ("false", False), ("", None)])
def test_what_would_be_written_just_so_is_a_number_or_a_flag(text: str, value: object) -> None:
    (found,) = expanded("a: ${A}\n", {"A": text}).value.values()
    assert (found, type(found)) == (value, type(value))


def test_what_a_file_or_a_secret_gives_is_text(tmp_path: Path) -> None:
    (tmp_path / "n").write_text("80")
    text = "a: ${file:n}\npassword: ${P}\nb: ${SECRET_PIN}\n"
    result = expanded(text, {"P": "80", "SECRET_PIN": "80"}, root=tmp_path)
    assert result.value == {"a": "80", "password": "80", "b": "80"}


def test_a_kind_that_is_known_decides() -> None:
    kinds: dict[tuple[str | int, ...], type] = {("a",): str, ("b",): int, ("c",): bool}
    document = read_text("a: ${A}\nb: ${A}\nc: ${F}\n", file="x")
    result = expand(document, {"A": "007", "F": "True"}, root=Path("/"), kind=kinds.get)
    assert result.value == {"a": "007", "b": 7, "c": True}
    assert result.marks.root.children["b"].given == ("007", ("A",))  # type: ignore[call-overload,index]
    too_large = expand(read_text("b: ${A}\n", file="x"), {"A": "9" * 25}, root=Path("/"), kind=kinds.get)
    assert only(too_large).startswith("x:1:4: error[bad_value]: this number of 25 digits")


def test_a_value_cannot_inject_yaml() -> None:
    nasty = "x # y\nadmin: true"
    assert expanded("a: ${N}\n", {"N": nasty}).value == {"a": nasty}


def test_what_a_variable_holds_is_not_expanded_again() -> None:
    assert expanded("a: '${A}'\n", {"A": "${B}", "B": "x"}).value == {"a": "${B}"}


def test_a_default_stands_in_for_an_unset_or_empty_variable() -> None:
    result = expanded("a: ${A:-5}\nb: ${B:-x y}\nc: '${C:-}'\nd: ${D:-no}\n", {"B": "", "D": "yes"})
    assert result.value == {"a": 5, "b": "x y", "c": "", "d": "yes"}
    assert result.used == {"B": "", "D": "yes"}


def test_a_value_that_is_no_text_is_a_problem() -> None:
    assert only(expanded("a: ${A}\n", {"A": "x\udcff"})) == (
        "x:1:4: error[bad_expansion]: the value of the variable A is not UTF-8"
    )


def test_an_unset_variable_is_a_problem_at_its_place_that_says_what_to_do() -> None:
    result = expanded("a:\n  b: x${NOPE}\n")
    assert only(result).startswith("x:2:6: error[unset_variable]: the variable NOPE is not set; set it,")
    assert "${NOPE:-default}" in only(result)
    assert result.problems[0].path == ("a", "b")
    assert result.value == {"a": {"b": "x${NOPE}"}}


def test_a_misspelt_variable_is_named() -> None:
    assert "did you mean `API_TOKEN`?" in only(expanded("a: ${API_TOKN}\n", {"API_TOKEN": "x"}))
    assert "did you mean" not in only(expanded("a: ${APP_DEFAULT_MODEL}\n", {"PIP_DEFAULT_TIMEOUT": "x"}))


@pytest.mark.parametrize(
    "text", ["${", "${A", "${}", "${A B}", "${1A}", "${A:default}", "${A:-${B}}", "${file:}", "${A-x}"]
)
def test_a_malformed_expansion_is_a_problem(text: str) -> None:
    assert "error[bad_expansion]" in only(expanded(f"a: '{text}'\n", {"A": "x", "B": "y"}))


def test_every_problem_is_listed() -> None:
    assert len(expanded("a: ${A}\nb: ['${B}', '${']\n").problems) == 3


def test_keys_are_not_expanded() -> None:
    assert expanded("${A}: 1\n", {"A": "x"}).value == {"${A}": 1}


def test_dollars_without_braces_are_themselves() -> None:
    assert expanded("a: $A costs 5$ and $$\n", {"A": "x"}).value == {"a": "$A costs 5$ and $$"}


@given(st.text())
def test_any_text_survives_when_its_expansions_are_escaped(text: str) -> None:
    document = read_text("a: 'x'\n", file="x")
    escaped = text.replace("${", "$${")
    result = expand(type(document)(file="x", value={"a": escaped}, marks=document.marks), {}, root=Path("/"))
    assert result.value == {"a": text}
    assert result.problems == ()


@given(st.text())
def test_any_value_arrives_whole_in_a_quoted_scalar(value: str) -> None:
    assert expanded("a: '<${V}>'\n", {"V": value}).value == {"a": f"<{value}>"}


@pytest.mark.parametrize("text", ["include: ['${D}/x.yaml']\n", "environment_vars: {include: ['${D}']}\n"])
def test_paths_that_are_read_first_cannot_be_expanded(text: str) -> None:
    assert "read before variables are" in only(expanded(text, {"D": "x"}))


def test_a_file_is_read_relative_to_the_file_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "token").write_text("s3cr3t\n")
    result = expanded("a: ${file:token}\nb: 'x ${file:./token}'\n", root=tmp_path, file="sub/tokens.yaml")
    assert result.value == {"a": "s3cr3t", "b": "x s3cr3t"}
    assert result.secrets == {"s3cr3t"}


def test_only_one_line_end_is_cut_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b" a\nb\n\r\n")
    assert expanded("a: '${file:key}'\n", root=tmp_path).value == {"a": " a\nb\n"}


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "token").write_text("abc")
    assert expanded("a: ${file:~/token}\n").value == {"a": "abc"}


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_bytes(b"x" * (1024 * 1024 + 1))
    for name, reason in (("no", "does not exist"), (".", "is no file"), ("binary", "utf-8"), ("large", "larger than")):
        result = expanded(f"a: ${{file:{name}}}\n", root=tmp_path)
        assert "error[unreadable_file]" in only(result)
        assert reason in only(result)
        assert not result.secrets


def test_secrets_are_told_by_the_words_of_variable_and_key() -> None:
    text = "a: ${GITHUB_TOKEN}\nb: ${HOME}\napi_key: literal-key\nauthor_name: somebody\nn: {password: [one-secret]}\n"
    result = expanded(text, {"GITHUB_TOKEN": "ghp_123456", "HOME": "/home/somebody"})
    assert result.secrets == {"ghp_123456", "literal-key", "one-secret"}


def test_a_short_value_is_no_secret_by_name() -> None:
    assert not expanded("password: short\ntoken: ${TOKEN}\n", {"TOKEN": "1234567"}).secrets


def test_a_default_is_a_secret_like_the_value() -> None:
    assert expanded("a: ${DB_PASSWORD:-changeme-please}\n").secrets == {"changeme-please"}


def test_a_payload_path_under_a_secret_name_is_no_secret() -> None:
    text = "with: {token: '{payload.access_token}'}\nbaggage: {auth.token: payload.token_value}\n"
    assert not expanded(text).secrets


def test_what_is_not_text_stays_as_it_is() -> None:
    assert expanded("a: [1, 1.5, true, null, {}]\n").value == {"a": [1, 1.5, True, None, {}]}
