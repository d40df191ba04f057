"""The knowledge: port notes and device families as data, and what follows from them."""
