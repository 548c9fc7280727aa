"""The contract: every event, its envelope, its codec, and the one table of topics. Imports nothing of ours.

Importing the package declares all events, so that the codec knows every wire name.
"""

from event_schemas import catalog, operations, order, stock

__all__ = ["catalog", "operations", "order", "stock"]
