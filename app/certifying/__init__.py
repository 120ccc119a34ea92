"""The certifier: reads the files of an export as their loaders will, and says what would stop one. It only reads."""
