"""The command line. Modules that --help and quick commands do not need are imported in the functions that need them."""
