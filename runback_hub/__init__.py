"""RunBack Hub: from a finished run and a ten-second pain check-in to an open, explained rest decision."""

__version__ = "0.1.0"
