"""How sure a model's answers may be called: a map fitted to what it gets right."""
