"""The model of the whole configuration: the core's sections and those of features."""

import inspect
from functools import cache
from typing import Any

from pydantic import Field, create_model

from ductile.config.config_section import AnySection
from ductile.config.schema.configuration import Configuration
from ductile.config.schema.field_descriptions import MADE
from ductile.document.model_types import bare_type, type_at


@cache
def configuration_model(sections: tuple[AnySection, ...]) -> type[Configuration]:
    """The core's model with a field more for each section. Raises ValueError for a section that cannot be added."""
    if not sections:
        return Configuration
    fields: dict[str, Any] = {}
    for section in sections:
        _check(section, fields)
        text = " ".join((inspect.getdoc(section.model) or "").split())
        fields[section.key] = (section.model, Field(default_factory=section.model, description=text))
    return create_model(Configuration.__name__, __base__=Configuration, __module__=MADE, **fields)


def _check(section: AnySection, taken: dict[str, Any]) -> None:
    key, model = section.key, section.model
    core = Configuration.model_fields.get(key)
    if key in taken or (core is not None and bare_type(core.annotation) is not Any):
        message = f"the section `{key}` is there twice"
    elif required := [name for name, field in model.model_fields.items() if field.is_required()]:
        message = f"`{key}` requires `{required[0]}`, and nothing may be required of a section that may be absent"
    elif missing := [name for name in section.restart_keys if not type_at(model, tuple(name.split("."))) is not None]:
        message = f"`{key}` has no key `{missing[0]}`, whose change would need a restart"
    else:
        return
    raise ValueError(message)
