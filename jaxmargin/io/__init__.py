"""Tables in and out: schema, checks, labels, importers."""
