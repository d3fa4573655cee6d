"""Views: short, each asks a service or a query and picks a template."""
