"""What several tests need: events in a real log."""
