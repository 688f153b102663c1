"""The program that the debugging job runs inside the sandbox: standard library only, sent as text."""
