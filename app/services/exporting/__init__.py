"""Making the files of an export: one module per family of formats, and the lease under which it happens."""
