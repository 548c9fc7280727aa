"""Money in minor units, as it stands in every event."""

from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field


class Money(BaseModel):
    """An amount in the minor unit of an ISO 4217 currency: 24999 USD is 249.99 dollars."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    amount: int = Field(description="Minor units (cents, pence); negative only for what is taken back.")
    currency: str = Field(pattern=r"^[A-Z]{3}$", description="ISO 4217 code.")

    def times(self, quantity: int) -> "Money":
        """This amount for ``quantity`` pieces, in the same currency."""
        return Money(amount=self.amount * quantity, currency=self.currency)

    @property
    def decimal(self) -> Decimal:
        """The amount in major units with two places, as the HTTP edge shows it."""
        return Decimal(self.amount).scaleb(-2)
