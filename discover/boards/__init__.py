"""USB boards and firmware images: the only importer of esptool, lazily."""
