"""What a sheet seems to be: a proposed study file, a template, a marked copy."""
