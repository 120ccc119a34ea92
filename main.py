"""`python main.py --name module.Class …`: one dataset through the service, from the command line (see --help)."""

import sys

from workers.command_line.run import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
