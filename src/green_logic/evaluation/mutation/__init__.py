"""Does a submission's own test file notice when its solution is broken? The evidence behind T."""
