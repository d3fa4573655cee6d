#!/usr/bin/env python
"""The same commands as `reverie`, for those who expect `manage.py`."""

from reverie.cli import main

if __name__ == "__main__":
    main()
