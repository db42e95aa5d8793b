"""A setting is changed in the file that sets it, with its comments, its order and every other line as they were.

An edit is planned on the texts, looked at by the same code that starts a gateway, and only then written.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import Struct

from ductile.config.compile import Compiled, compile_config
from ductile.config.config_section import AnySection
from ductile.config.errors import EditRefused, NoSuchSetting, NotEditable, NotWritten, SetByVariable, SetElsewhere
from ductile.config.load import Layers, load_layers
from ductile.config.setting_location import BYTE_ORDER_MARK, SettingLocation, locate_setting, no_such_setting
from ductile.config.setting_path import format_path
from ductile.document.atomic_write import replace_file
from ductile.document.paths import has_value, same_json, value_at, with_value, without_value
from ductile.document.problem import Path as YamlPath
from ductile.document.problem import Problem
from ductile.document.read import read_text
from ductile.document.yaml_edit import CannotEdit, set_value, unset_value
from ductile.document.yaml_write import NewValue
from ductile.model.route import Surface

OTHERWISE = "it stands in a form that this command does not know"


class Edit(Struct, frozen=True, kw_only=True):
    """One change of one file."""

    path: YamlPath
    """Of the setting."""
    file: Path
    name: str
    """How places show the file."""
    line: int
    """The first line that changes, in the new text."""
    before: str
    after: str

    def write(self) -> None:
        """Puts the new text in the file's place, at once. Raises NotWritten."""
        try:
            if self.file.read_bytes() != self.before.encode():
                raise NotWritten(file=self.file, reason="it was changed in the meantime")
            replace_file(self.file, self.after.encode())
        except OSError as error:
            raise NotWritten(file=self.file, reason=error.strerror) from None


class Review(Struct, frozen=True, kw_only=True):
    """What the configuration is before and after an edit."""

    before: Compiled
    after: Compiled

    @property
    def added(self) -> list[Problem]:
        """The problems that the edit brings."""
        known = {_identity(problem) for problem in self.before.problems}
        return [problem for problem in self.after.problems if _identity(problem) not in known]

    def approve(self) -> None:
        """Raises EditRefused where the edit brings an error."""
        errors = [problem for problem in self.added if problem.severity == "error"]
        if errors:
            found = f"{len(errors)} errors" if len(errors) > 1 else "an error"
            raise EditRefused(found=found, errors=[problem.public() for problem in errors])


def plan_set(
    location: Path,
    environ: Mapping[str, str],
    setting: str,
    new: NewValue,
    *,
    file: str | None = None,
    sections: Sequence[AnySection] = (),
) -> Edit:
    """Set a value; keys that are missing on the way are made. Raises the error that says why it cannot be done."""
    written = locate_setting(load_layers(location, environ, sections=sections), setting, file=file)
    wanted = with_value(written.document.value, written.local, new.value)
    try:
        after = set_value(written.text, written.local, new)
    except CannotEdit as error:
        raise _unchanged(written, error.reason) from None
    edit = _edit(written, after, wanted)
    layers = load_layers(location, environ, {edit.file: after}, sections=sections)
    _refuse_without_effect(layers, edit, written.local)
    return edit


def plan_unset(
    location: Path,
    environ: Mapping[str, str],
    setting: str,
    *,
    file: str | None = None,
    sections: Sequence[AnySection] = (),
) -> Edit:
    """Take a key or an entry out. Raises NoSuchSetting, or the error that says why it cannot be done."""
    layers = load_layers(location, environ, sections=sections)
    written = locate_setting(layers, setting, file=file)
    if not has_value(written.document.value, written.local):
        if has_value(layers.value, written.path):
            raise NoSuchSetting(path=format_path(written.path), hint=f" in {written.document.file}")
        raise no_such_setting(setting, layers.value)
    try:
        after = unset_value(written.text, written.local)
    except CannotEdit as error:
        raise _unchanged(written, error.reason) from None
    return _edit(written, after, without_value(written.document.value, written.local))


def review(
    edit: Edit,
    location: Path,
    environ: Mapping[str, str],
    *,
    surfaces: Sequence[Surface] = (),
    sections: Sequence[AnySection] = (),
) -> Review:
    """The whole configuration, compiled without and with the edit."""
    texts = {edit.file: edit.after.removeprefix(BYTE_ORDER_MARK)}
    compiled = partial(compile_config, location, environ, surfaces=surfaces, sections=sections)
    return Review(before=compiled(generation=1), after=compiled(generation=2, texts=texts))


def _edit(written: SettingLocation, after: str, wanted: Any) -> Edit:
    """The edit, if the new text says what it should. Raises NotEditable."""
    read = read_text(after, file=written.document.file)
    if len(read.problems) > len(written.document.problems) or not same_json(read.value, wanted):
        raise _unchanged(written, OTHERWISE)
    return Edit(
        path=written.path,
        file=written.file,
        name=written.document.file,
        line=_first_difference(written.text, after),
        before=written.bom + written.text,
        after=written.bom + after,
    )


def _unchanged(written: SettingLocation, reason: str) -> NotEditable:
    place = written.document.marks.of(written.local)
    return NotEditable(path=format_path(written.path), place=place, reason=reason)


def _refuse_without_effect(layers: Layers, edit: Edit, local: YamlPath) -> None:
    """A file that was named may be one whose value a later file or a variable covers."""
    if any(isinstance(part, int) for part in local) or isinstance(value_at(layers.value, local), dict | list):
        return
    place = layers.marks.of(local)
    if not place.line:
        raise SetByVariable(path=format_path(edit.path), variable=place.file.partition(":")[2])
    if place.file != edit.name:
        raise SetElsewhere(path=format_path(edit.path), file=edit.name, place=str(place))


def _first_difference(before: str, after: str) -> int:
    """The number of the first line that is not as it was."""
    old, new = before.splitlines(), after.splitlines()
    alike = next((number for number, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), None)
    return (min(len(old), len(new)) if alike is None else alike) + 1


def _identity(problem: Problem) -> tuple[str, str, str]:
    return (problem.severity, problem.code, problem.message)
