"""`python -m nerdistill`: the command line, where its program is not on the PATH."""

from nerdistill.cli.main import main

if __name__ == "__main__":
    main()
