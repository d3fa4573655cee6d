"""One module per command: its docstring is its help, `add_arguments` and `run` do the rest."""
