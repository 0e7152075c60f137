"""`python -m dualnet`: the command line, where the installed `dualnet` is not on the path."""

from .cli import run

if __name__ == "__main__":
    run()
