"""Foreign and canonical payloads become inputs here, and only here."""
