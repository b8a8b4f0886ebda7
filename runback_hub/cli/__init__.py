"""Commands. They parse what was typed, call what does the work, and print; no logic lives here."""
