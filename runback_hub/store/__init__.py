"""Durable memory behind the `Store` port. One adapter per database; one contract suite runs against each."""
