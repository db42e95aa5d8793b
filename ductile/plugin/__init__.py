"""Plugins: finding, loading and speaking protocol 2 with them."""
