"""Sources that trigger by themselves: clocks and watchers."""
