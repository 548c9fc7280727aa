"""What operators do about parked records: list, show, retry, drop."""
