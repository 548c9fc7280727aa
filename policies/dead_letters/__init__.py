"""What becomes of what policies park: copied to the dead-letter topic; listed, retried, dropped by operators."""
