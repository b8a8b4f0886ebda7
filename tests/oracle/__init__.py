"""A second, naive implementation of POLICY.md, written without sight of the first, to compare it with."""
