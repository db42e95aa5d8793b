"""One file each, listed in order in `parts.py`."""
