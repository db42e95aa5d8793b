"""A section that a feature adds with one value goes through everything that the core's sections go through."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema_rs
import pytest
from msgspec import Struct
from pydantic import Field

from ductile.cli.core.completers import complete_settings
from ductile.cli.main import main
from ductile.config.compile import Compiled, compile_config
from ductile.config.config_section import ConfigSection
from ductile.config.configuration_model import configuration_model
from ductile.config.field_types import FilePath, Name, Secret, Span, Text
from ductile.config.json_schema import config_schema
from ductile.config.load import load_layers
from ductile.config.old_spellings import Old
from ductile.config.reload import LiveConfig, ReloadRefused, RestartRequired
from ductile.config.schema.configuration import Configuration
from ductile.config.schema.field_descriptions import field_descriptions
from ductile.config.schema.section import Entries, Section
from ductile.config.schema.value_types import Listen
from ductile.config.section_context import SectionContext
from ductile.config.settings import effective_settings
from ductile.describe.config_view import config_view
from ductile.document.model_types import type_at
from ductile.document.problem import Problem
from ductile.model.clock import Millis
from ductile.sections import SECTIONS

Captured = pytest.CaptureFixture[str]
Compile = Callable[..., Compiled]


class EndpointSection(Section):
    """An address that others call."""

    noun = "an endpoint"
    plugin: Name
    """Whose `handle` gets the body."""
    secret: Text | None = None
    """What signs the body."""
    word: Secret | None = None
    """What the caller says."""
    pages: FilePath | None = None
    """What is shown to people."""


class WebhooksSection(Section):
    """Calls that come from outside."""

    noun = "`webhooks`"
    listen: Listen = ()
    """Where they are received."""
    wait: Span = 5000
    """How long a call may take."""
    endpoints: Entries[EndpointSection] = Field(default_factory=list)
    """What may be called."""
    keys: list[FilePath] = Field(default_factory=list)
    """Who may call."""


class Webhooks(Struct, frozen=True, kw_only=True):
    """What the feature works with."""

    listen: tuple[str, ...]
    wait: Millis
    plugins: tuple[str, ...]


def compile_webhooks(section: WebhooksSection, context: SectionContext) -> tuple[Webhooks, list[Problem]]:
    problems = [
        context.problem("unknown_plugin", f"there is no plugin `{one.plugin}`", "endpoints", index, "plugin")
        for index, one in enumerate(section.endpoints)
        if one and one.plugin not in context.instances.plugins
    ]
    plugins = tuple(one.plugin for one in section.endpoints if one)
    return Webhooks(listen=section.listen, wait=section.wait, plugins=plugins), problems


WEBHOOKS = ConfigSection(
    key="webhooks",
    model=WebhooksSection,
    compile=compile_webhooks,
    restart_keys=("listen",),
    old_spellings=(
        Old(at=("webhooks", "timeout"), to=("wait",), says="`timeout` is an old spelling; write `wait`"),
    ),
)  # fmt: skip
TEXT = """\
plugin_roots: [plugins]
webhooks:
  wait: 3s
  endpoints:
    - {plugin: worker, secret: a-long-enough-secret}
"""


@pytest.fixture
def compile_text(compile_yaml: Compile, tmp_path: Path) -> Compile:
    """Compiles a text with the sample section."""

    def compile_text(text: str = TEXT, environ: dict[str, str] | None = None) -> Compiled:
        compile_yaml(text)  # puts the plugins beside it
        return compile_config(tmp_path / "config.yaml", environ or {}, generation=3, sections=[WEBHOOKS])

    return compile_text


@pytest.fixture
def plugged_in() -> Iterator[None]:
    """The sample section stands in the list of the gateway and of the command line."""
    SECTIONS.append(WEBHOOKS)
    yield
    SECTIONS.remove(WEBHOOKS)


def test_what_it_compiles_to_is_a_part_of_the_snapshot(compile_text: Compile) -> None:
    snapshot = compile_text().snapshot
    assert snapshot is not None
    assert WEBHOOKS.value_in(snapshot) == Webhooks(listen=(), wait=3000, plugins=("worker",))


def test_a_section_that_is_absent_has_its_defaults(compile_text: Compile) -> None:
    for text in ("plugin_roots: [plugins]", "plugin_roots: [plugins]\nwebhooks:\n"):
        snapshot = compile_text(text).snapshot
        assert snapshot is not None
        assert WEBHOOKS.value_in(snapshot) == Webhooks(listen=(), wait=5000, plugins=())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("webhooks: {wiat: 3s}", "1:12: error[unknown_key]: `wiat` is no key of `webhooks`; did you mean `wait`?"),
        ("webhooks: {wait: 0}", "1:18: error[bad_value]: `wait` must be longer than nothing"),
        ("webhooks: {endpoints: [{}]}", "1:24: error[missing]: an endpoint needs `plugin`"),
        ("webhooks: [a]", "1:11: error[bad_value]: `webhooks` must be a map of keys, not a list"),
        ("webhoks: {}", "1:1: error[unknown_key]: `webhoks` is no key of the configuration; did you mean `webhooks`?"),
        (
            "webhooks: {listen: ['127.0.0.1:1', x]}",
            "1:36: error[bad_value]: `listen[1]` must be `host:port` or `unix:/path`, not `x`",
        ),
        (
            "webhooks: {endpoints: [{plugin: nobody}]}",
            "1:33: error[unknown_plugin]: there is no plugin `nobody`",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(compile_text: Compile, text: str, found: str) -> None:
    compiled = compile_text(text)
    assert [str(problem) for problem in compiled.errors] == [f"config.yaml:{found}"]
    assert compiled.snapshot is None


def test_without_the_section_the_key_is_one_of_a_later_version(compile_yaml: Compile) -> None:
    assert [problem.code for problem in compile_yaml(TEXT).errors] == ["not_in_this_version"]


def test_all_mistakes_are_told_at_once(compile_text: Compile) -> None:
    text = "webhooks: {listen: [x], wait: 0, endpoints: [{plugin: nobody}, {plugin: 5}]}\nservice: {max_hops: 0}"
    codes = [problem.path for problem in compile_text(text).errors]
    assert codes == [
        ("webhooks", "listen", 0),
        ("webhooks", "wait"),
        ("webhooks", "endpoints", 0, "plugin"),
        ("webhooks", "endpoints", 1, "plugin"),
        ("service", "max_hops"),
    ]


def test_a_variable_sets_a_key_of_it(compile_text: Compile) -> None:
    snapshot = compile_text(TEXT, {"DUCTILE_WEBHOOKS__WAIT": "9s"}).snapshot
    assert snapshot is not None
    assert WEBHOOKS.value_in(snapshot).wait == 9000


def test_a_variable_that_names_no_key_of_it_is_told_which_was_meant(compile_text: Compile) -> None:
    (problem,) = compile_text(TEXT, {"DUCTILE_WEBHOOKS__WAYT": "9s"}).errors
    assert problem.message.endswith("`webhooks` has no key `wayt`; did you mean `DUCTILE_WEBHOOKS__WAIT`?")


def test_a_number_stays_text_where_the_model_wants_text(compile_text: Compile) -> None:
    text = "webhooks:\n  endpoints:\n    - plugin: ${NAME}\n"
    (problem,) = compile_text(text, {"NAME": "7"}).errors
    assert problem.message == "there is no plugin `7`"


def test_an_old_spelling_is_read_and_warned_of(compile_text: Compile) -> None:
    compiled = compile_text(TEXT.replace("wait:", "timeout:"))
    assert compiled.snapshot is not None
    assert WEBHOOKS.value_in(compiled.snapshot).wait == 3000
    assert [str(one) for one in compiled.problems] == [
        "config.yaml:3:3: warning[legacy]: `timeout` is an old spelling; write `wait`"
    ]


def test_a_change_of_it_is_a_change_of_its_own_part_alone(compile_text: Compile) -> None:
    one, two = compile_text().snapshot, compile_text(TEXT.replace("3s", "4s")).snapshot
    assert one is not None
    assert two is not None
    assert one.config_hash != two.config_hash
    differing = {key for key in one.section_hashes if one.section_hashes[key] != two.section_hashes[key]}
    assert differing == {"webhooks"}


def test_the_view_shows_it_as_a_file_has_it_without_secrets(compile_text: Compile) -> None:
    compiled = compile_text()
    assert compiled.snapshot is not None
    assert config_view(compiled.snapshot)["webhooks"] == {
        "listen": [],
        "wait": "3s",
        "endpoints": [{"plugin": "worker", "secret": "[REDACTED]", "word": None, "pages": None}],
        "keys": "[REDACTED]",
    }
    assert "a-long-enough-secret" in compiled.snapshot.redactor.secrets


def test_a_secret_is_one_however_short_and_whatever_its_key_is_called(compile_text: Compile) -> None:
    compiled = compile_text(f"{TEXT}    - {{plugin: worker, word: s3c}}\n")
    assert compiled.snapshot is not None
    assert "s3c" in compiled.snapshot.redactor.secrets


def test_a_path_and_the_socket_of_an_address_count_from_the_file_that_holds_them(
    compile_text: Compile, tmp_path: Path
) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more/hooks.yaml").write_text(
        "webhooks: {listen: ['127.0.0.1:1', 'unix:a.sock'], endpoints: [{plugin: worker, pages: www}]}"
    )
    compiled = compile_text("plugin_roots: [plugins]\ninclude: [more]", {"DUCTILE_WEBHOOKS__KEYS": '["own.pem"]'})
    assert compiled.snapshot is not None
    settings = compiled.snapshot.section_settings["webhooks"]
    assert settings["listen"] == ["127.0.0.1:1", f"unix:{tmp_path}/more/a.sock"]
    assert settings["endpoints"][0]["pages"] == f"{tmp_path}/more/www"
    assert settings["keys"] == [f"{tmp_path}/own.pem"]


def test_its_settings_are_listed_with_their_defaults(compile_text: Compile, tmp_path: Path) -> None:
    compile_text()
    settings = effective_settings(load_layers(tmp_path / "config.yaml", {}, sections=[WEBHOOKS]))
    assert [(one.path[1:], one.value, one.source) for one in settings if one.path[0] == "webhooks"] == [
        (("listen",), [], "default"),
        (("wait",), "3s", "config.yaml:3:9"),
        (("endpoints", 0, "plugin"), "worker", "config.yaml:5:16"),
        (("endpoints", 0, "secret"), "a-long-enough-secret", "config.yaml:5:32"),
        (("keys",), [], "default"),
    ]


def test_editors_know_it() -> None:
    schema = config_schema([WEBHOOKS])
    accepts = jsonschema_rs.validator_for(schema).is_valid
    assert accepts({"webhooks": {"wait": "3s", "endpoints": [{"plugin": "a"}]}})
    assert accepts({"webhooks": None})
    assert not accepts({"webhooks": {"wiat": "3s"}})
    assert schema["properties"]["webhooks"]["description"] == "Calls that come from outside."
    keys = schema["$defs"]["WebhooksSection"]["properties"]
    assert (keys["wait"]["default"], keys["wait"]["description"]) == ("5s", "How long a call may take.")
    assert keys["timeout"]["deprecated"]


def test_the_core_keys_keep_their_descriptions_beside_it() -> None:
    model = configuration_model((WEBHOOKS,))
    assert field_descriptions(model) == {
        **field_descriptions(Configuration),
        "webhooks": "Calls that come from outside.",
    }
    assert type_at(model, ("service", "max_hops")) is int


async def test_a_reload_follows_it_but_for_the_keys_that_need_a_restart(compile_text: Compile, tmp_path: Path) -> None:
    snapshot = compile_text().snapshot
    assert snapshot is not None
    config = tmp_path / "config.yaml"
    live = LiveConfig(snapshot, config, {}, lambda: 1_700_000_000_000, sections=[WEBHOOKS])
    assert not (await live.reload("api")).changed
    config.write_text(TEXT.replace("3s", "4s"))
    result = await live.reload("api")
    assert (result.changed, result.changes) == (True, ["webhooks"])
    assert WEBHOOKS.value_in(live.snapshot).wait == 4000
    config.write_text(f"{TEXT}  listen: ['127.0.0.1:1']\n")
    with pytest.raises(RestartRequired) as refused:
        await live.reload("api")
    assert refused.value.details == {"keys": ["webhooks.listen"]}
    config.write_text(f"{TEXT}  wiat: 3s\n")
    with pytest.raises(ReloadRefused):
        await live.reload("api")
    assert WEBHOOKS.value_in(live.snapshot).wait == 4000


@pytest.mark.usefixtures("plugged_in")
def test_the_command_line_checks_shows_and_changes_it(compile_text: Compile, tmp_path: Path, capsys: Captured) -> None:
    compile_text()

    def run(*words: str) -> Any:
        assert main(["config", *words, "--config-dir", str(tmp_path), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    assert run("check")["ok"]
    assert run("get", "webhooks.wait") == "3s"
    shown = {row["path"]: row["value"] for row in run("show", "webhooks")["settings"]}
    assert shown["webhooks.endpoints[0].secret"] == "[REDACTED]"
    run("set", "webhooks.wait", "7s")
    assert run("get", "webhooks.wait") == "7s"
    assert "wait: 7s" in (tmp_path / "config.yaml").read_text()
    run("unset", "webhooks.wait")
    assert run("get", "webhooks.wait") == "5s"
    assert main(["config", "schema"]) == 0
    assert "WebhooksSection" in json.loads(capsys.readouterr().out)["$defs"]


@pytest.mark.usefixtures("plugged_in")
def test_the_shell_completes_its_keys(compile_text: Compile, tmp_path: Path) -> None:
    compile_text()
    shell: Any = SimpleNamespace(params={"config": str(tmp_path)})
    assert [name for name, _ in complete_settings(shell, "webhooks.")] == [
        "webhooks.listen",
        "webhooks.wait",
        "webhooks.endpoints",
        "webhooks.keys",
    ]


@pytest.mark.usefixtures("plugged_in")
def test_the_command_line_refuses_a_value_that_a_gateway_would_refuse(
    compile_text: Compile, tmp_path: Path, capsys: Captured
) -> None:
    compile_text()
    assert main(["config", "set", "webhooks.wait", "0", "--config-dir", str(tmp_path)]) != 0
    assert "must be longer than nothing" in capsys.readouterr().err
    assert (tmp_path / "config.yaml").read_text() == TEXT


@pytest.mark.usefixtures("plugged_in")
def test_a_copy_of_the_folder_is_no_difference(compile_text: Compile, tmp_path: Path, capsys: Captured) -> None:
    home, copy = tmp_path / "home", tmp_path / "copy"
    compile_text()
    text = TEXT.replace("plugins]", f"{tmp_path}/plugins]") + "  keys: [own.pem]\n  listen: ['127.0.0.1:1']\n"
    for folder in (home, copy):
        folder.mkdir()
        (folder / "config.yaml").write_text(text)

    def difference() -> Any:
        assert main(["config", "diff", str(copy), "--config-dir", str(home), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    assert not difference()["changed"]
    (copy / "config.yaml").write_text(text.replace("own.pem", "other.pem").replace(":1'", ":2'"))
    found = difference()
    assert (found["changes"], found["restart_required"]) == (["webhooks"], ["webhooks.listen"])
    assert [row["path"] for row in found["values"]] == ["webhooks.listen[0]", "webhooks.keys[0]"]


class RequiringSection(Section):
    """One that cannot be absent."""

    plugin: Name
    """Needed."""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"key": "service"}, "the section `service` is there twice"),
        ({"model": RequiringSection}, "`webhooks` requires `plugin`"),
        ({"restart_keys": ("lisen",)}, "`webhooks` has no key `lisen`"),
    ],
)
def test_a_section_that_cannot_be_added_is_refused(changes: dict[str, Any], reason: str) -> None:
    values = {"key": "webhooks", "model": WebhooksSection, "compile": compile_webhooks, **changes}
    with pytest.raises(ValueError, match=reason):
        configuration_model((ConfigSection(**values),))


def test_the_same_section_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="`webhooks` is there twice"):
        configuration_model((WEBHOOKS, WEBHOOKS))
