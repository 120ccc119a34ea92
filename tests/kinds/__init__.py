"""Every kind, from the file that was published to the files that are trained on: a row in `cases.py` each."""
