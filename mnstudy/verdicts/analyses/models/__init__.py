"""What goes into a model, a model of all visits, and what is visibly wrong with one."""
