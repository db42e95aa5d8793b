"""YAML as it was written: values with the place of each, `${}` expansion, units, problems and redaction."""
