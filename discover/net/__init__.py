"""The only I/O of the engine; one importer per third-party I/O library."""
