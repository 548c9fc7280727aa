"""The aggregates that this write side decides on: one decider a topic."""

from typing import Any

from domain.decider import Decider
from domain.order import ORDER
from domain.product import PRODUCT
from domain.stock_item import STOCK_ITEM
from domain.voided import VOIDED_RECORD

DECIDERS: tuple[Decider[Any], ...] = (ORDER, STOCK_ITEM, PRODUCT, VOIDED_RECORD)
"""In the order in which their partitions are claimed: customers wait for their orders."""
