"""`python main.py --name module.Class …`: one dataset through the service, from the command line (see --help)."""

import sys

try:
    from workers.command_line.run import main
except ModuleNotFoundError as error:
    print(
        f"main.py: this Python ({sys.executable}) has no package {error.name!r}. "
        "Run .venv/bin/python main.py …; `make demo`, or any other target, makes .venv.",
        file=sys.stderr,
    )
    sys.exit(2)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
