"""``python -m pgtool``."""

from pgtool.cli.main import main

if __name__ == "__main__":
    main()
