"""Jobs: what one file of settings asks for, run and written."""
