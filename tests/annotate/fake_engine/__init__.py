"""Holds a package that stands in for vLLM, for a process that has this folder on its path."""
