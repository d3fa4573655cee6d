"""From a prompt to a stream of events. Pure async Python: no Django, no database."""
