"""``python -m poolcli`` is the same as ``poolcli``."""

from poolcli.cli.main import main

if __name__ == "__main__":
    main()
