"""Pure view-models shared by the command line and the app; no textual here."""
