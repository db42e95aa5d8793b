"""Which commands may be run, and how their arguments are made from a payload. There is never a shell between."""

import os
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sys_exec_values import Argument, BadConfig, Refused, argument, flag, number, shown, text

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
PIECE = re.compile(r"\{\{|\}\}|\{([a-z_][a-z0-9_]{0,63})\}|[{}]")
ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SHELLS = frozenset(("sh", "bash", "dash", "zsh", "ksh", "busybox"))
INTERPRETER = re.compile(r"(ba|da|z|k|)sh|busybox|(python|perl|ruby|node|php|lua)[0-9.]*")
CODE = re.compile(r"-[a-z]*[ce]")
"""The option before the text of a program."""
OF_COMMAND = {"argv", "args", "description", "stdin", "payload_env"}
COMMON = {
    "event_type", "timeout_seconds", "working_dir", "env", "success_exit_codes", "retry_on_exit_codes",
    "retry_on_timeout", "emit_event", "emit_event_on_exit_codes", "include_output_in_event", "stdout_max_bytes",
    "stderr_max_bytes",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Command:
    """One entry of the allow-list."""

    name: str
    description: str
    argv: tuple[str | Mapping[str, Any], ...]
    args: Mapping[str, Argument]
    stdin: str
    payload_env: bool
    event_type: str
    timeout: float
    working_dir: Path
    env: Mapping[str, str]
    success: frozenset[int]
    retried: frozenset[int]
    retry_on_timeout: bool
    emit: bool
    emit_on: frozenset[int] | None
    include_output: bool
    stdout_max: int
    stderr_max: int

    def arguments(self, given: Any) -> list[str]:
        """The arguments of one run. Raises Refused."""
        given = {} if given is None else given
        if not isinstance(given, dict):
            raise Refused("payload.args must be an object")
        if unknown := sorted(set(given) - set(self.args)):
            raise Refused(f"{self.name} has no argument {unknown[0]!r}; it has {', '.join(self.args) or 'none'}")
        values = {name: argument.value(given) for name, argument in self.args.items()}
        made: list[str] = []
        for item in self.argv:
            if isinstance(item, str):
                made += self.item(item, values, after_dashes="--" in made)
            elif values[item["when"]]:
                for one in item["then"]:
                    made += self.item(one, values, after_dashes="--" in made)
        return made

    def item(self, template: str, values: Mapping[str, Any], *, after_dashes: bool) -> list[str]:
        """One argument; none where it names an optional value that is absent."""
        names = references(template)
        if any(values[name] is None for name in names):
            return []
        made = PIECE.sub(lambda found: shown(values[found[1]]) if found[1] else found[0][0], template)
        first = PIECE.match(template)
        if first and first[1] and made.startswith("-") and not after_dashes and not self.args[first[1]].allow_dash:
            raise Refused(f"payload.args.{first[1]} must not begin with `-`: {self.name} would take it for an option")
        return [made]

    def program(self) -> str:
        """The file that is run. Raises BadConfig."""
        name = str(self.argv[0])
        path = name if "/" not in name else str(self.working_dir / name)
        found = shutil.which(path, path=self.env.get("PATH") or os.environ.get("PATH", PATH))
        if found is None:
            raise BadConfig(f"the program of {self.name}, {name}, is not there or cannot be executed")
        if not self.working_dir.is_dir():
            raise BadConfig(f"the working_dir of {self.name}, {self.working_dir}, is no folder")
        return found


def references(template: str) -> list[str]:
    return [found[1] for found in PIECE.finditer(template) if found[1]]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The allow-list, checked."""

    commands: Mapping[str, Command]
    default: Command | None
    """The one of `config.command`, for payloads that name none."""

    def chosen(self, name: Any) -> Command:
        if self.default is not None and (name is None or not self.commands):
            return self.default
        if not isinstance(name, str) or name not in self.commands:
            raise Refused(f"payload.run must be one of {', '.join(sorted(self.commands))}")
        return self.commands[name]


def settings(config: Any) -> Settings:
    if not isinstance(config, dict):
        raise BadConfig("the configuration must be an object")
    known = COMMON | {"command", "commands"}
    if unknown := sorted(set(map(str, config)) - known):
        raise BadConfig(f"config.{unknown[0]} is no key; they are {', '.join(sorted(known))}")
    common = {key: value for key, value in config.items() if key in COMMON}
    listed = config.get("commands", {})
    if not isinstance(listed, dict):
        raise BadConfig("config.commands must be an object of named commands")
    commands = {name: command(name, entry, common) for name, entry in listed.items()}
    if "command" not in config and not commands:
        raise BadConfig("config.commands must allow at least one command")
    default = single(config["command"], common) if "command" in config else None
    return Settings(commands=commands, default=default)


def single(value: Any, common: Mapping[str, Any]) -> Command:
    """The command of the short form: text in words as a shell takes them apart, or a list."""
    try:
        argv = shlex.split(value) if isinstance(value, str) else value
    except ValueError as error:
        raise BadConfig(f"config.command cannot be taken apart: {error}") from None
    if not isinstance(argv, list) or not argv or not all(isinstance(item, str) for item in argv):
        raise BadConfig("config.command must be text or a list of texts")
    if Path(argv[0]).name not in SHELLS and any("$DUCTILE_PAYLOAD_" in item.replace("{", "") for item in argv):
        raise BadConfig(
            "config.command runs without a shell, so that $DUCTILE_PAYLOAD_… means nothing; use config.commands"
        )
    plain = [item.replace("{", "{{").replace("}", "}}") for item in argv]
    return command("command", {"argv": plain, "payload_env": True}, common)


def command(name: Any, entry: Any, common: Mapping[str, Any]) -> Command:
    at = f"config.commands.{name}" if name != "command" else "config"
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise BadConfig(f"config.commands has a name that is none: {name!r}")
    if not isinstance(entry, dict):
        raise BadConfig(f"{at} must be an object with `argv`")
    if unknown := sorted(set(map(str, entry)) - OF_COMMAND - COMMON):
        raise BadConfig(f"{at}.{unknown[0]} is no key of a command; they are {', '.join(sorted(OF_COMMAND | COMMON))}")
    listed = entry.get("args", {})
    if not isinstance(listed, dict):
        raise BadConfig(f"{at}.args must be an object of named arguments")
    args = {key: argument(key, about, f"{at}.args.{key}") for key, about in listed.items()}
    both = {**common, **entry}
    stdin = both.get("stdin", "none")
    if stdin not in ("none", "payload"):
        raise BadConfig(f"{at}.stdin must be none or payload")
    emit_on = codes(both, "emit_event_on_exit_codes", at) if "emit_event_on_exit_codes" in both else None
    return Command(
        name=name,
        description=text(both, "description", at, ""),
        argv=templates(entry.get("argv"), args, at),
        args=args,
        stdin=stdin,
        payload_env=flag(both, "payload_env", at, default=False),
        event_type=text(both, "event_type", at, "sys_exec.completed") or "sys_exec.completed",
        timeout=number(both, "timeout_seconds", at, 60, 86400),
        working_dir=Path(os.path.realpath(os.path.expanduser(text(both, "working_dir", at, ".")))),  # noqa: PTH111 - expanduser of pathlib raises where there is no home
        env=variables({**as_object(common.get("env"), "config"), **as_object(entry.get("env"), at)}, at),
        success=codes(both, "success_exit_codes", at) if "success_exit_codes" in both else frozenset((0,)),
        retried=codes(both, "retry_on_exit_codes", at),
        retry_on_timeout=flag(both, "retry_on_timeout", at, default=False),
        emit=flag(both, "emit_event", at, default=True),
        emit_on=emit_on,
        include_output=flag(both, "include_output_in_event", at, default=True),
        stdout_max=int(number(both, "stdout_max_bytes", at, 16_384, 1_048_576)),
        stderr_max=int(number(both, "stderr_max_bytes", at, 16_384, 1_048_576)),
    )


def templates(value: Any, args: Mapping[str, Argument], at: str) -> tuple[str | Mapping[str, Any], ...]:
    """The argv of a command. Each name in it must be declared, and each declared one must be in it."""
    if not isinstance(value, list) or not value or not isinstance(value[0], str) or not value[0]:
        raise BadConfig(f"{at}.argv must be a list that begins with the program")
    used: set[str] = set()
    for place, item in enumerate(value):
        texts: Any = [item]
        if isinstance(item, dict):
            when, texts = str(item.get("when")), item.get("then", [])
            if set(item) != {"when", "then"} or when not in args or args[when].type != "boolean":
                raise BadConfig(f"{at}.argv[{place}] must be text, or {{when: a boolean argument, then: a list}}")
            used.add(when)
        if not isinstance(texts, list) or not all(isinstance(one, str) and "\0" not in one for one in texts):
            raise BadConfig(f"{at}.argv[{place}] must be text; put quotes around it")
        used |= {name for one in texts for name in named(one, f"{at}.argv[{place}]")}
    if references(value[0]):
        raise BadConfig(f"{at}.argv must begin with a program that no payload chooses")
    if INTERPRETER.fullmatch(Path(value[0]).name) and any(map(is_code, value, value[1:])):
        raise BadConfig(f"{at}.argv puts a value into code; give it as an argument of its own behind the code")
    if used != set(args):
        odd = min(used ^ set(args))
        raise BadConfig(f"{at}: the argument {odd!r} is {'not in `args`' if odd in used else 'never used in `argv`'}")
    return tuple(value)


def is_code(option: Any, text: Any) -> bool:
    """Whether a payload's value would be part of a program's text."""
    return isinstance(option, str) and bool(CODE.fullmatch(option)) and isinstance(text, str) and bool(references(text))


def named(template: str, at: str) -> list[str]:
    if any(found[0] in "{}" for found in PIECE.finditer(template)):
        raise BadConfig(f"{at} has a single brace; {{name}} is an argument, {{{{ and }}}} are braces")
    return references(template)


def codes(source: Mapping[str, Any], key: str, at: str) -> frozenset[int]:
    value = source.get(key, [])
    if not isinstance(value, list) or not all(type(code) is int and -64 <= code <= 255 for code in value):  # noqa: PLR2004 - signals and exit codes
        raise BadConfig(f"{at}.{key} must be a list of exit codes from 0 to 255, or of signals as negative numbers")
    return frozenset(value)


def as_object(value: Any, at: str) -> Mapping[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise BadConfig(f"{at}.env must be an object")
    return value or {}


def variables(env: Mapping[str, Any], at: str) -> Mapping[str, str]:
    for name, value in env.items():
        if not isinstance(name, str) or not ENV_NAME.fullmatch(name) or name.startswith("DUCTILE_"):
            raise BadConfig(f"{at}.env: {name!r} is no name of a variable that may be set")
        if not isinstance(value, str | int | float | bool) or "\0" in str(value):
            raise BadConfig(f"{at}.env.{name} must be text, a number or a boolean")
    return {name: shown(value) for name, value in env.items()}
