"""One widget a file; all of them paint their own lines (Textual's Line API)."""
