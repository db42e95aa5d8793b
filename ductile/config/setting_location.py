"""In which file a setting is written, and under which path there."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from ductile.config.errors import NoSuchFile, NoSuchSetting, NotEditable, SetByVariable, SetInSeveral
from ductile.config.load import Layers
from ductile.config.location import named_path
from ductile.config.setting_path import format_path, parse_path
from ductile.document.locations import Location
from ductile.document.paths import APPEND, child_at
from ductile.document.problem import Mark, did_you_mean
from ductile.document.problem import Path as YamlPath
from ductile.document.read import Document, read_text

BYTE_ORDER_MARK = "\ufeff"
ALIAS_REASON = "there it stands behind an alias or in an old spelling"


class SettingLocation(Struct, frozen=True, kw_only=True):
    """Where a setting is to be changed."""

    path: YamlPath
    """Of the setting, in the whole configuration; with a file that was named, in that one."""
    file: Path
    local: YamlPath
    """Its path in the file, where indexes count that file's entries."""
    text: str
    """All of the file, without a byte order mark."""
    bom: str
    document: Document


def locate_setting(layers: Layers, setting: str, *, file: str | None) -> SettingLocation:
    """Where a setting is written or, if it is nowhere, what it goes into is; or the file that was named.

    Raises the error that says why it cannot be changed there.
    """
    if file is not None:
        name = _named(layers, file)
        document = _read(layers, name)[2]
        path = _within(document.value, parse_path(setting, document.value))
        return _location_in_file(layers, name, path, path)
    path = _within(layers.value, parse_path(setting, layers.value))
    place, rest = _nearest(layers, path)
    known = path[: len(path) - len(rest)]
    if not known:
        return _location_in_file(layers, layers.names[0], path, rest)
    concerned = [place] if rest else list(_all(place))
    variable = next((one for one in concerned if not one.line), None)
    if variable is not None:
        raise SetByVariable(path=format_path(path), variable=variable.file.partition(":")[2])
    files = list(dict.fromkeys(one.file for one in concerned))
    if len(files) > 1:
        raise SetInSeveral(path=format_path(path), files=" and ".join(files))
    children: Any = place.children
    name = children[-1].file if rest and isinstance(children, list) and children else place.file
    document = _read(layers, name)[2]
    return _location_in_file(layers, name, path, (*_local(document, known, place), *rest))


def no_such_setting(setting: str, value: Any) -> NoSuchSetting:
    """The error for a setting that is not there, with what was probably meant."""
    path = parse_path(setting, value)
    inside = value
    for depth, part in enumerate(path):
        if isinstance(inside, Mapping) and part not in inside:
            near = did_you_mean(str(part), map(str, inside)).split("`")
            meant = format_path((*path[:depth], near[1], *path[depth + 1 :])) if near[1:] else ""
            return NoSuchSetting(path=format_path(path), hint=f"; did you mean `{meant}`?" if meant else "")
        inside = child_at(inside, part)
    return NoSuchSetting(path=format_path(path), hint="")


def _location_in_file(layers: Layers, name: str, path: YamlPath, local: YamlPath) -> SettingLocation:
    bom, text, document = _read(layers, name)
    broken = next((problem for problem in document.problems if problem.severity == "error"), None)
    if broken is not None:
        raise NotEditable(path=format_path(path), place=str(broken.mark or name), reason=broken.message)
    return SettingLocation(path=path, file=_files(layers)[name], local=local, text=text, bom=bom, document=document)


def _files(layers: Layers) -> dict[str, Path]:
    return dict(zip(layers.names, layers.files, strict=False))


def _read(layers: Layers, name: str) -> tuple[str, str, Document]:
    """The byte order mark, if there is one, the text and what it says."""
    try:
        whole = _files(layers)[name].read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise NotEditable(path=name, place=name, reason=reason) from None
    text = whole.removeprefix(BYTE_ORDER_MARK)
    return whole[: len(whole) - len(text)], text, read_text(text, file=name)


def _named(layers: Layers, file: str) -> str:
    wanted = named_path(file, Path.cwd())
    found = next((name for name, path in _files(layers).items() if file == name or wanted == path), None)
    if found is None:
        raise NoSuchFile(file=file, files=", ".join(layers.names))
    return found


def _within(value: Any, path: YamlPath) -> YamlPath:
    """The path; the index behind the last entry of a list appends. Raises NoSuchSetting for one beyond it."""
    for depth, part in enumerate(path):
        if isinstance(part, int) and part != APPEND and part >= (count := len(value) if isinstance(value, list) else 0):
            if part > count:
                hint = f": `{format_path(path[:depth])}` has {count} entries; append one with [+]"
                raise NoSuchSetting(path=format_path(path), hint=hint)
            return (*path[:depth], APPEND, *path[depth + 1 :])
        value = child_at(value, part)
    return path


def _nearest(layers: Layers, path: YamlPath) -> tuple[Location, YamlPath]:
    """The place of the setting or of what it goes into, and the rest of the path."""
    place = layers.marks.root
    for depth, part in enumerate(path):
        below: Location | None = child_at(place.children, part)
        if below is None:
            return place, path[depth:]
        place = below
    return place, ()


def _local(document: Document, path: YamlPath, place: Location) -> YamlPath:
    """The path in its own file. Raises NotEditable where it is there by another name."""
    keys = [part for part in path if isinstance(part, str)]
    if len(keys) == len(path) and document.marks.knows(path):
        return path
    for local, one in _paths(document.marks.root, ()):
        here = (one.line, one.column, one.key_line, one.key_column)
        found = here == (place.line, place.column, place.key_line, place.key_column)
        if found and [part for part in local if isinstance(part, str)] == keys:
            return local
    mark = Mark(place.file, place.key_line, place.key_column)
    raise NotEditable(path=format_path(path), place=str(mark), reason=ALIAS_REASON)


def _all(place: Location) -> Iterator[Location]:
    """The place and all below it."""
    yield place
    children: Any = place.children or ()
    for one in children.values() if isinstance(children, dict) else children:
        yield from _all(one)


def _paths(place: Location, at: YamlPath) -> Iterator[tuple[YamlPath, Location]]:
    children: Any = place.children or ()
    for part, one in children.items() if isinstance(children, dict) else enumerate(children):
        yield (*at, part), one
        yield from _paths(one, (*at, part))
