"""What also runs where nothing is installed: the standard library only, in Python 3.6's syntax.

`nerdistill.bundle.assemble` joins these files into the `bootstrap.py` of a bundle.
"""
