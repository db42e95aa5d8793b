"""`ductile PLUGIN COMMAND --field value`: commands of the command line that are made of plugins' input schemas."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer
import typer.main
from typer.core import TyperGroup

from ductile.cli.codes import JobFailed, NoSuchCommand, UsageError
from ductile.cli.command import default_of
from ductile.cli.fields import Field, fields_of, normal, payload_of
from ductile.cli.options import BEFORE, ELSEWHERE, SUBMITS, VERB, flags_of, hidden, submit_options
from ductile.cli.output import Out
from ductile.cli.payload import read_payload
from ductile.cli.plain_values import Command, Group
from ductile.cli.waiting import end_as, look_at, run_job
from ductile.cli.words import Kind
from ductile.document.problem import did_you_mean
from ductile.model.job import ENDED_STATES

Document = Mapping[str, Any]
"""A plugin as `GET /plugin/{name}` shows it."""

HELP_FLAG = "--help"
EPILOG = (
    "--url, --token and --config-dir stand before the plugin's name: ductile --url URL {plugin} {command} … The other "
    "options that set no field may stand there too, and must where a field has the same name."
)
SPELLING: Mapping[str, Any] = {"token_normalize_func": normal}
"""`--max_bytes` is `--max-bytes`."""


class Verbs(Group):
    """The commands of one plugin."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is named first. Raises NoSuchCommand."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            if ctx.resilient_parsing:
                return None, None, args
            hint = did_you_mean(args[0], self.commands) or f"; it has {', '.join(self.commands)}"
            raise NoSuchCommand(plugin=self.name, command=args[0], hint=hint)
        return super().resolve_command(ctx, args)


def group(plugin: Document, before: Mapping[str, Any]) -> TyperGroup:
    """A command group of the plugin; `before` is what the command line said before its name."""
    name = plugin["name"]
    description = str(plugin.get("description") or f"Plugin {name}.")
    app = typer.Typer(cls=Verbs, no_args_is_help=True, rich_markup_mode=None, help=description)
    app.callback()(lambda: None)  # Typer makes the only command of an app the app itself
    for one in plugin["commands"]:
        fields = fields_of(one.get("input_schema"), (HELP_FLAG,))
        declared = {**VERB, **{key: hidden(kind) for key, kind in ELSEWHERE.items()}}
        own = {key: kind for key, kind in declared.items() if not (flags_of(kind) & flags_of_fields(fields))}
        run = _runner(name, one["name"], fields, before)
        epilog = EPILOG.format(plugin=name, command=one["name"]) + _by_payload(fields)
        app.command(one["name"], cls=Command, help=_help(name, one), epilog=epilog, context_settings=dict(SPELLING))(
            function_of(fields, own, run)
        )
    made = typer.main.get_group(app)
    made.name = name
    return made


def _help(plugin: str, command: Mapping[str, Any]) -> str:
    said = str(command.get("description") or f"Run {plugin}.{command['name']}.").strip()
    return said if said.endswith((".", "!", "?")) else f"{said}."


def _by_payload(fields: Sequence[Field]) -> str:
    names = [field.name for field in fields if not field.flags]
    return f" Only by --payload: {', '.join(names)}." if names else ""


def flags_of_fields(fields: Sequence[Field]) -> frozenset[str]:
    """The flags of all fields."""
    return frozenset(flag for field in fields for flag in field.flags)


def function_of(
    fields: Sequence[Field], own: Mapping[str, Any], run: Callable[[dict[str, Any], dict[str, Any]], None]
) -> Callable[..., None]:
    """A function with an option for each field and each own option: calls `run` with what was given for both."""
    by_parameter = {f"field_{index}": field for index, field in enumerate(fields) if field.flags}

    def verb(**given: Any) -> None:
        options_ = {name: given.pop(name) for name in own}
        run({by_parameter[name].name: value for name, value in given.items() if said(value)}, options_)

    parameters = [_parameter(name, _annotation(field)) for name, field in by_parameter.items()]
    parameters += [_parameter(name, kind) for name, kind in own.items()]
    verb.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what inspect.signature() asks
    verb.__annotations__ = {one.name: one.annotation for one in parameters}
    return verb


def given_fields(
    plugin: Document, command: str, words: Sequence[str], pairs: Sequence[str], base: Mapping[str, Any]
) -> dict[str, Any]:
    """The payload of a command: `--name value` words and `NAME=VALUE` pairs, each as its schema wants it, over `base`.

    Raises NoSuchCommand, UsageError.
    """
    found = next((one for one in plugin["commands"] if one["name"] == command), None)
    if found is None:
        names = [one["name"] for one in plugin["commands"]]
        hint = did_you_mean(command, names) or f"; it has {', '.join(names)}"
        raise NoSuchCommand(plugin=plugin["name"], command=command, hint=hint)
    fields = fields_of(found.get("input_schema"))
    given: dict[str, Any] = {}
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(command, context_settings=dict(SPELLING))(function_of(fields, {}, lambda one, _: given.update(one)))
    typer.main.get_command(app).main(
        list(words), prog_name=f"ductile plugin run {plugin['name']}", standalone_mode=False
    )
    return payload_of(*with_pairs(fields, given, pairs), base)


def with_pairs(
    fields: Sequence[Field], given: dict[str, Any], pairs: Sequence[str]
) -> tuple[Sequence[Field], dict[str, Any]]:
    """The fields and what was given, with `NAME=VALUE` pairs; a name that the schema does not have takes anything."""
    known = {field.name: field for field in fields}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise UsageError(reason=f"--field takes NAME=VALUE, not {pair!r}")
        field = known.setdefault(
            name, Field(name=name, flags=(), kind=Kind(), repeatable=False, required=False, help="")
        )
        given[name] = [*given.get(name, ()), text] if field.repeatable else text
    return tuple(known.values()), given


def said(value: Any) -> bool:
    """Whether an option was given at all."""
    return value is not None and value not in ((), [])


def _parameter(name: str, kind: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default_of(kind), annotation=kind)


def _annotation(field: Field) -> Any:
    flags = "/".join(field.flags)
    if field.is_switch:
        return Annotated[bool | None, typer.Option(flags, help=field.help, show_default=False)]
    option = typer.Option(flags, metavar=field.metavar, help=field.help)
    return Annotated[list[str] | None, option] if field.repeatable else Annotated[str | None, option]


def _runner(
    plugin: str, command: str, fields: Sequence[Field], before: Mapping[str, Any]
) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    def run(given: dict[str, Any], options_: dict[str, Any]) -> None:
        refuse_misplaced(plugin, command, options_)
        chosen: dict[str, Any] = {
            name: options_.get(name) or before.get(name) or default_of(kind) for name, kind in BEFORE.items()
        }
        submits = {name: chosen.pop(name) for name in SUBMITS}
        body, wait = chosen.pop("payload"), not chosen.pop("no_wait") and submits["run_at"] is None
        if chosen["timeout"] and not wait:
            other = "--run-at" if submits["run_at"] is not None else "--no-wait"
            raise UsageError(reason=f"--timeout and {other} exclude each other")
        with Out(wait=wait, **chosen) as out:
            payload = payload_of(fields, given, read_payload(body))
            options = submit_options(**submits)
            job = run_job(out, lambda client: client.trigger(plugin, command, payload, dry_run=out.dry_run, **options))
            show_result(out, job)

    return run


def refuse_misplaced(plugin: str, command: str, given: Mapping[str, Any]) -> None:
    """Raises UsageError for an option that has its place before the plugin's name."""
    for name, kind in ELSEWHERE.items():
        if given.get(name):
            flag = kind.__metadata__[0].default
            raise UsageError(reason=f"{flag} stands before the plugin's name: ductile {flag} … {plugin} {command} …")


def show_result(out: Out, job: Mapping[str, Any]) -> None:
    """Print what the job answered, alone. Raises JobFailed, WaitedTooLong."""
    status = job.get("status")
    if out.dry_run or not out.wait:
        out.fields(job)
    elif status == "succeeded":
        out.value((job.get("result") or {}).get("result"))
    elif status in ENDED_STATES:
        what, error = f"{job.get('plugin')}.{job.get('command')}", str(job.get("last_error") or "no reason given")
        raise JobFailed(what=what, status=str(status), error=error.strip().rstrip("."), then=look_at(job))
    else:
        end_as(out, job)
