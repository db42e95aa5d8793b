"""`ductile PLUGIN COMMAND --field value`: commands built from the input schemas of plugins."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer
import typer.main
from typer.core import TyperGroup

from ductile.cli.core.command import default_value, set_parameters
from ductile.cli.core.errors import JobFailed, NoSuchCommand, UsageError
from ductile.cli.core.jobs.waiting import exit_as_job, inspect_hint, run_job
from ductile.cli.core.json_args import ValueType
from ductile.cli.core.json_input import read_payload
from ductile.cli.core.options import (
    GATEWAY_CHOICE_OPTIONS,
    LEADING_OPTIONS,
    PLUGIN_COMMAND_OPTIONS,
    SUBMIT_OPTIONS,
    hide_option,
    option_flags,
    read_submit_options,
)
from ductile.cli.core.output import Output
from ductile.cli.core.payload_fields import Field, build_payload, normalize_flag, read_fields
from ductile.cli.core.plain_values import PlainCommand, PlainGroup
from ductile.document.problem import did_you_mean
from ductile.model.job import ENDED_STATES

PluginDocument = Mapping[str, Any]
"""A plugin as `GET /plugin/{name}` shows it."""

HELP_FLAG = "--help"
EPILOG = (
    "--url, --token and --config-dir stand before the plugin's name: ductile --url URL {plugin} {command} … The other "
    "options that set no field may stand there too, and must where a field has the same name."
)
CONTEXT_SETTINGS: Mapping[str, Any] = {"token_normalize_func": normalize_flag}
"""`--max_bytes` is `--max-bytes`."""


class PluginGroup(PlainGroup):
    """The commands of one plugin."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the first word names. Raises NoSuchCommand."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            if ctx.resilient_parsing:
                return None, None, args
            hint = did_you_mean(args[0], self.commands) or f"; it has {', '.join(self.commands)}"
            raise NoSuchCommand(plugin=self.name, command=args[0], hint=hint)
        return super().resolve_command(ctx, args)


def plugin_group(plugin: PluginDocument, before: Mapping[str, Any]) -> TyperGroup:
    """The commands of a plugin as a group; `before` holds the options that stood before the plugin's name."""
    name = plugin["name"]
    description = str(plugin.get("description") or f"Plugin {name}.")
    app = typer.Typer(cls=PluginGroup, no_args_is_help=True, rich_markup_mode=None, help=description)
    app.callback()(lambda: None)  # Typer makes the only command of an app the app itself
    for one in plugin["commands"]:
        fields = read_fields(one.get("input_schema"), (HELP_FLAG,))
        declared = {
            **PLUGIN_COMMAND_OPTIONS,
            **{key: hide_option(kind) for key, kind in GATEWAY_CHOICE_OPTIONS.items()},
        }
        own = {key: kind for key, kind in declared.items() if not (option_flags(kind) & field_flags(fields))}
        run = _command_runner(name, one["name"], fields, before)
        epilog = EPILOG.format(plugin=name, command=one["name"]) + _payload_only_note(fields)
        app.command(
            one["name"],
            cls=PlainCommand,
            help=_command_help(name, one),
            epilog=epilog,
            context_settings=dict(CONTEXT_SETTINGS),
        )(command_function(fields, own, run))
    group = typer.main.get_group(app)
    group.name = name
    return group


def _command_help(plugin: str, command: Mapping[str, Any]) -> str:
    description = str(command.get("description") or f"Run {plugin}.{command['name']}.").strip()
    return description if description.endswith((".", "!", "?")) else f"{description}."


def _payload_only_note(fields: Sequence[Field]) -> str:
    names = [field.name for field in fields if not field.flags]
    return f" Only by --payload: {', '.join(names)}." if names else ""


def field_flags(fields: Sequence[Field]) -> frozenset[str]:
    """The flags of all fields."""
    return frozenset(flag for field in fields for flag in field.flags)


def command_function(
    fields: Sequence[Field], own: Mapping[str, Any], run: Callable[[dict[str, Any], dict[str, Any]], None]
) -> Callable[..., None]:
    """A function with a parameter for each field and each own option, which calls `run` with the values of both."""
    by_parameter = {f"field_{index}": field for index, field in enumerate(fields) if field.flags}

    def verb(**given: Any) -> None:
        options_ = {name: given.pop(name) for name in own}
        run({by_parameter[name].name: value for name, value in given.items() if was_given(value)}, options_)

    field_options = {name: _field_annotation(field) for name, field in by_parameter.items()}
    return set_parameters(verb, (), {**field_options, **own})


def read_field_arguments(
    plugin: PluginDocument, command: str, words: Sequence[str], pairs: Sequence[str], base: Mapping[str, Any]
) -> dict[str, Any]:
    """The payload of a command: `--name value` words and `NAME=VALUE` pairs, each as its schema wants it, over `base`.

    Raises NoSuchCommand, UsageError.
    """
    found = next((one for one in plugin["commands"] if one["name"] == command), None)
    if found is None:
        names = [one["name"] for one in plugin["commands"]]
        hint = did_you_mean(command, names) or f"; it has {', '.join(names)}"
        raise NoSuchCommand(plugin=plugin["name"], command=command, hint=hint)
    fields = read_fields(found.get("input_schema"))
    given: dict[str, Any] = {}
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(command, context_settings=dict(CONTEXT_SETTINGS))(
        command_function(fields, {}, lambda one, _: given.update(one))
    )
    typer.main.get_command(app).main(
        list(words), prog_name=f"ductile plugin run {plugin['name']}", standalone_mode=False
    )
    return build_payload(*merge_field_pairs(fields, given, pairs), base)


def merge_field_pairs(
    fields: Sequence[Field], given: dict[str, Any], pairs: Sequence[str]
) -> tuple[Sequence[Field], dict[str, Any]]:
    """The fields and their values, with `NAME=VALUE` pairs; a name that the schema does not have takes any value."""
    field_by_name = {field.name: field for field in fields}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise UsageError(reason=f"--field takes NAME=VALUE, not {pair!r}")
        field = field_by_name.setdefault(
            name, Field(name=name, flags=(), kind=ValueType(), repeatable=False, required=False, help="")
        )
        given[name] = [*given.get(name, ()), text] if field.repeatable else text
    return tuple(field_by_name.values()), given


def was_given(value: Any) -> bool:
    """Whether the command line set the option."""
    return value is not None and value not in ((), [])


def _field_annotation(field: Field) -> Any:
    flags = "/".join(field.flags)
    if field.is_switch:
        return Annotated[bool | None, typer.Option(flags, help=field.help, show_default=False)]
    option = typer.Option(flags, metavar=field.metavar, help=field.help)
    return Annotated[list[str] | None, option] if field.repeatable else Annotated[str | None, option]


def _command_runner(
    plugin: str, command: str, fields: Sequence[Field], before: Mapping[str, Any]
) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    def run(given: dict[str, Any], options_: dict[str, Any]) -> None:
        refuse_gateway_options(plugin, command, options_)
        settings: dict[str, Any] = {
            name: options_.get(name) or before.get(name) or default_value(kind)
            for name, kind in LEADING_OPTIONS.items()
        }
        submits = {name: settings.pop(name) for name in SUBMIT_OPTIONS}
        body, wait = settings.pop("payload"), not settings.pop("no_wait") and submits["run_at"] is None
        if settings["timeout"] and not wait:
            other = "--run-at" if submits["run_at"] is not None else "--no-wait"
            raise UsageError(reason=f"--timeout and {other} exclude each other")
        with Output(wait=wait, **settings) as out:
            payload = build_payload(fields, given, read_payload(body))
            options = read_submit_options(**submits)
            job = run_job(out, lambda client: client.trigger(plugin, command, payload, dry_run=out.dry_run, **options))
            print_result(out, job)

    return run


def refuse_gateway_options(plugin: str, command: str, given: Mapping[str, Any]) -> None:
    """Raises UsageError for an option that must stand before the plugin's name."""
    for name, kind in GATEWAY_CHOICE_OPTIONS.items():
        if given.get(name):
            flag = kind.__metadata__[0].default
            raise UsageError(reason=f"{flag} stands before the plugin's name: ductile {flag} … {plugin} {command} …")


def print_result(out: Output, job: Mapping[str, Any]) -> None:
    """Print the job's result alone. Raises JobFailed, WaitedTooLong."""
    status = job.get("status")
    if out.dry_run or not out.wait:
        out.print_fields(job)
    elif status == "succeeded":
        out.print_value((job.get("result") or {}).get("result"))
    elif status in ENDED_STATES:
        what, error = f"{job.get('plugin')}.{job.get('command')}", str(job.get("last_error") or "no reason given")
        raise JobFailed(what=what, status=str(status), error=error.strip().rstrip("."), then=inspect_hint(job))
    else:
        exit_as_job(out, job)
