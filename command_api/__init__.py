"""The write side: HTTP to command, load, decide, append. Events reach the log here and nowhere else."""
