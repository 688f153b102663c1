"""Debugging: a failing command or a pasted traceback in; the root cause, a verified fix and its evidence out."""
