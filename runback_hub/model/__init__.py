"""The words of the domain: frozen, typed values with units in their names. No clock and no I/O."""
