"""Types of settings that only the configuration has."""

import pwd
import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
)

from ductile.config.address_checks import check_origin, check_proxy, check_unique, read_address, read_public_url
from ductile.config.field_types import FieldMark, Name, Text, one_of
from ductile.config.schema.section import list_without_gone, map_or_empty
from ductile.document.field_errors import quote_value, value_error

OWN_VARIABLES = frozenset({"DUCTILE_INSTANCE", "DUCTILE_JOB_ID", "DUCTILE_ATTEMPT"})
"""What every plugin is started with; nobody else may set them."""


_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _one_or_more(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _owner(value: Any) -> int:
    """The id of a user; a name or a number in text is looked up."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32:
        return value
    if isinstance(value, str) and value.isdecimal() and int(value) < 2**32:
        return int(value)
    try:
        return pwd.getpwnam(value).pw_uid
    except (KeyError, TypeError, ValueError):
        message = f"must be a user of this machine, by name or number, not {quote_value(value)}"
        raise value_error(message) from None


def _variables(env: dict[str, str]) -> dict[str, str]:
    for name, value in env.items():
        if name in OWN_VARIABLES:
            message = f"must not set `{name}`: the gateway sets it"
        elif not _VARIABLE.fullmatch(name):
            message = f"has {quote_value(name)}, which is no name of a variable"
        elif "\0" in value:
            message = f"has a NUL character in `{name}`"
        else:
            continue
        raise value_error(message)
    return env


Origins = Annotated[list[Annotated[str, BeforeValidator(check_origin)]], BeforeValidator(list_without_gone)]


Owners = Annotated[
    list[Annotated[int, BeforeValidator(_owner, json_schema_input_type=str | int)]], BeforeValidator(list_without_gone)
]


PublicUrl = Annotated[str, BeforeValidator(read_public_url)]


ProxyList = Annotated[list[Annotated[str, BeforeValidator(check_proxy)]], BeforeValidator(list_without_gone)]


Texts = Annotated[list[Text], BeforeValidator(list_without_gone)]


Names = Annotated[list[Name], BeforeValidator(list_without_gone)]


Listen = Annotated[
    tuple[Annotated[str, BeforeValidator(read_address)], ...],
    FieldMark.ADDRESS,
    AfterValidator(check_unique),
    BeforeValidator(_one_or_more, json_schema_input_type=str | list[str]),
]


Variables = Annotated[dict[Text, Text], AfterValidator(_variables), BeforeValidator(map_or_empty)]


Runner = Annotated[str, one_of("auto", "spawn", "fork", "persistent")]


Level = Annotated[str, one_of("debug", "info", "warning", "error", warn="warning")]


Format = Annotated[str, one_of("json", "console", "auto", text="console")]
