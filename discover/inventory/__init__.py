"""Fold, identity, presence and diff (pure), and the store (sqlite3)."""
