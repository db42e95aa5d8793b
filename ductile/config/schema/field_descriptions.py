"""What each key means, in one sentence: the text below the key in its model, for editors and for the reference."""

import ast
import inspect
import textwrap
from itertools import pairwise

from pydantic import BaseModel

MADE = "made"
"""The module of models that no file holds."""


def field_descriptions(model: type[BaseModel]) -> dict[str, str]:
    """Key, as a file writes it → its description. A key of a later version has none.

    A model that was made and not written has the descriptions of its bases, and those that its fields carry.
    """
    if model.__module__ == MADE:
        written = [field_descriptions(base) for base in model.__bases__ if issubclass(base, BaseModel)]
        carried = {field.alias or name: field.description or "" for name, field in model.model_fields.items()}
        return {key: text for found in (*written, carried) for key, text in found.items() if text}
    definition = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    fields = model.model_fields
    found = {}
    for node, below in pairwise(body):
        name = node.target.id if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) else ""
        text = below.value.value if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) else None
        if name in fields and isinstance(text, str):
            found[fields[name].alias or name] = " ".join(text.split())
    return found
