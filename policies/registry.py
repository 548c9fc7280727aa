"""Every policy that runs, in the order in which they are shown."""

from policies.buy import BUY
from policies.initial_stock import INITIAL_STOCK
from policies.policy import Policy
from policies.shortfall import SHORTFALL

POLICIES: tuple[Policy, ...] = (BUY, INITIAL_STOCK, SHORTFALL)
