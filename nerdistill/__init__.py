"""nerdistill: distil a large language model's entity labels into a small BERT, offline."""

__version__ = "0.1.0"
