"""The use case: accept, decide, commit, announce. Knows ports only; adapters stand at the doors."""
