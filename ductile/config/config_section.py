"""A section of the configuration that a feature adds: a value of `parts.SECTIONS`."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from msgspec import Struct

from ductile.config.old_spellings import Old
from ductile.config.schema.section import Section
from ductile.document.problem import Problem

if TYPE_CHECKING:  # what is compiled takes longer to import than the command line to read a setting
    from ductile.config.section_context import SectionContext
    from ductile.model.snapshot import Snapshot

Model = TypeVar("Model", bound=Section)
Value = TypeVar("Value")


class ConfigSection(Struct, Generic[Model, Value], frozen=True, kw_only=True):
    """A key at the top of the configuration, and everything that the gateway has to know of it."""

    key: str
    """Such as `webhooks`. A key that the core keeps for a later version may be taken."""
    model: type[Model]
    """What it may hold. Its docstring describes the section; no key may be required, for the section may be absent."""
    compile: Callable[[Model, "SectionContext"], tuple[Value, Sequence[Problem]]]
    """Makes the value of `snapshot.sections[key]`, and says what is wrong that the model does not see. A pure function.

    It is also asked for the sound rest of a section in which something is wrong; then its value is not used.
    """
    restart_keys: tuple[str, ...] = ()
    """Keys of the model, such as `listen` or `tls.cert`, whose change a running gateway refuses."""
    old_spellings: tuple[Old, ...] = ()
    """Paths begin with the key: `("webhooks", "addr")`."""

    def value_in(self, snapshot: "Snapshot") -> Value:
        """The compiled value that a generation of the gateway serves with."""
        value: Value = snapshot.sections[self.key]
        return value


AnySection: TypeAlias = ConfigSection[Any, Any]
