"""The loader of users' tables: how a file is read is settled from the whole file, shown, and can be overridden."""
