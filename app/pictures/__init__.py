"""Pictures and videos of strangers: opened, checked, resized and cut in processes of their own that may fail."""
