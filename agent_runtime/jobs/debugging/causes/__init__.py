"""Root causes by the kind of failure: rules over the traceback and the program's syntax trees, no model."""
