"""The embedded model: SmolLM2-135M-Instruct with our adapter, fetched once and kept in the user's cache."""
