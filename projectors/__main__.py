"""`python -m projectors` runs the engine; with arguments it is one of the commands beside it."""

import sys

if __name__ == "__main__":
    if sys.argv[1:]:
        from projectors.commands import cli

        cli(prog_name="./stockroom")
    else:
        from projectors.process import main

        sys.exit(main())
