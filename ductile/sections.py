"""The sections that features add to the configuration, a line each: they are `parts.SECTIONS`.

They stand apart from the other parts, which take longer to import than the command line to read a setting.
"""

from ductile.config.config_section import AnySection

SECTIONS: list[AnySection] = []
"""What a configuration may hold besides the sections of the core."""
