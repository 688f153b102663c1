"""What a query's own text and tables say about its result: how it was derived, and what speaks against it."""
