"""Sources of jobs and reloads: schedules, plugin inits, and changes of configuration files."""
