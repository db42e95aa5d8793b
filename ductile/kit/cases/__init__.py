"""The cases of the conformance kit: what a plugin is asked, and what must come back."""
