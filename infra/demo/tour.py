"""The tour of `./stockroom demo`: one product's life, from 50 on the shelf to the top sellers. Every run uses names of
its own.
"""

from infra.demo.call import Call, TourStopped
from infra.demo.guide import Guide, token_of
from infra.settings import Settings

LEVELS = "SELECT sku, warehouse_id, on_hand, reserved, available FROM stock.levels WHERE sku = $1"
MOVEMENTS = """SELECT kind, quantity, on_hand_delta, reserved_delta, balance_after, ref_id, actor FROM stock.movements
WHERE sku = $1 ORDER BY record_offset"""
PRICES = "SELECT sku, old_price, new_price, currency, actor FROM catalog.price_history WHERE product_id = $1"


class Tour:
    """The steps. `run` makes SKUs and keys that no other run has."""

    def __init__(self, guide: Guide, config: Settings, run: str) -> None:
        self._guide = guide
        self._commands = config.command_api_url
        self._queries = config.query_api_url
        self._run = run
        self._sku = f"DEMO-{run}"
        self._scarce = f"DEMO-{run}-SCARCE"
        self._product_id = ""
        self.order_id = ""

    async def lead(self) -> None:
        """All steps in their order. Raises `TourStopped`."""
        await self._add_products()
        await self._order_three()
        await self._order_too_many()
        await self._repeat()
        await self._reprice()
        await self._look_back()
        await self._import_and_rebuild()
        await self._top_sellers()

    async def _add_products(self) -> None:
        self._guide.step(
            "A product with 50 on the shelf",
            "One command, two aggregates: the product in `catalog`; its first stock, by a policy, in `stock`.",
        )
        body = {"name": "Quantum Mechanical Keyboard", "price": 249.99, "quantity": 50, "sku": self._sku}
        reply = await self._guide.ask(self._post("/v1/products", body, "product"), 201)
        self._product_id = reply.json()["product_id"]
        records = await self._guide.events(reply, "product.added", "stock.received")
        await self._shown(token_of(reply, records))
        scarce = {"name": "Anti-Gravity Mouse Mat", "price": 19.5, "quantity": 5, "sku": self._scarce}
        reply = await self._guide.ask(self._post("/v1/products", scarce, "scarce"), 201)
        await self._guide.events(reply, "product.added", "stock.received")

    async def _order_three(self) -> None:
        self._guide.step(
            "An order of 3",
            "`Prefer: wait` answers with the settled order: the stock promises 3 pieces, the order confirms.",
        )
        reply = await self._guide.ask(self._order(3, wait=True), 201)
        self.order_id = reply.json()["order_id"]
        records = await self._guide.events(reply, "stock.reserved", "order.confirmed")
        await self._shown(token_of(reply, records), expected=47)
        await self._guide.rows(LEVELS, self._sku)

    async def _order_too_many(self) -> None:
        self._guide.step(
            "An order of more than there is",
            "2 keyboards could be promised, 6 mats could not: the order is rejected, and the 2 go back to the shelf.",
        )
        items = [{"sku": self._sku, "quantity": 2}, {"sku": self._scarce, "quantity": 6}]
        call = self._post("/v1/orders", {"items": items, "user_id": "alice"}, "too-many", {"Prefer": "wait=5"})
        reply = await self._guide.ask(call, 201)
        records = await self._guide.events(reply, "order.rejected", "stock.released")
        token = {"Consistency-Token": token_of(reply, records)}
        order = f"{self._queries}/v1/orders/{reply.json()['order_id']}"
        await self._guide.ask(Call("GET", order, headers=token))
        await self._guide.rows(LEVELS, self._sku)

    async def _repeat(self) -> None:
        self._guide.step(
            "The first order once more, under the same key",
            "The answer was lost, say, and the client repeats: it gets the first answer, and nothing is ordered twice.",
        )
        reply = await self._guide.ask(self._order(3, wait=True), 201)
        if reply.headers.get("Idempotent-Replayed") != "true" or reply.json()["order_id"] != self.order_id:
            raise TourStopped("the repeat was not recognised")

    async def _reprice(self) -> None:
        self._guide.step(
            "A new price, and somebody who was too late",
            "`If-Match` names the version that was looked at. The first of two wins, the second learns of it.",
        )
        url = f"{self._commands}/v1/products/{self._product_id}"
        match = {"If-Match": '"1"'}
        # The curl shown can be repeated by hand: the version has moved on, yet the key brings the first answer again.
        keyed = {"Idempotency-Key": f"demo-{self._run}-price", **match}
        reply = await self._guide.ask(Call("PATCH", url, {"price": 199.99}, keyed))
        records = await self._guide.events(reply, "product.price_changed")
        await self._guide.ask(Call("PATCH", url, {"price": 189.99}, match), 412)
        history = f"{self._queries}/v1/products/{self._product_id}/price-history"
        await self._guide.ask(Call("GET", history, headers={"Consistency-Token": token_of(reply, records)}))
        await self._guide.rows(PRICES, self._product_id)

    async def _look_back(self) -> None:
        self._guide.step("What happened to the order", "Its timeline is its events, one row each.")
        await self._guide.ask(Call("GET", f"{self._queries}/v1/orders/{self.order_id}/timeline"))
        self._guide.step("Why there are 47", "Every movement of the SKU, with what was available after it.")
        await self._guide.rows(MOVEMENTS, self._sku)

    async def _import_and_rebuild(self) -> None:
        self._guide.step("Two months of a shop, in small", "A generated sample; a second run of it changes nothing.")
        await self._guide.command("import", "retail", "--sample")
        self._guide.step("A read model is made anew from the log", "Beside the serving one, then one atomic switch.")
        await self._guide.command("rebuild", "catalog")

    async def _top_sellers(self) -> None:
        self._guide.step("The top sellers", "Counted as the orders were confirmed: of all time, and of some days.")
        await self._guide.ask(Call("GET", f"{self._queries}/v1/top-sellers?limit=3"))
        await self._guide.ask(Call("GET", f"{self._queries}/v1/top-sellers?limit=3&from=2010-12-01&to=2010-12-07"))
        await self._guide.ask(Call("GET", f"{self._queries}/v1/top-sellers?limit=3&window=7d"))

    async def _shown(self, token: str, expected: int = 50) -> None:
        call = Call("GET", f"{self._queries}/v1/products/{self._product_id}", headers={"Consistency-Token": token})
        reply = await self._guide.ask(call)
        if reply.json()["quantity"] != expected:
            raise TourStopped(f"the query API says {reply.json()['quantity']} where it should be {expected}")

    def _order(self, quantity: int, *, wait: bool) -> Call:
        body: dict[str, object] = {
            "items": [{"product_id": self._product_id, "quantity": quantity}],
            "user_id": "alice",
        }
        return self._post("/v1/orders", body, "order", {"Prefer": "wait=5"} if wait else {})

    def _post(self, path: str, body: dict[str, object], key: str, headers: dict[str, str] | None = None) -> Call:
        keyed = {"Idempotency-Key": f"demo-{self._run}-{key}", **(headers or {})}
        return Call("POST", f"{self._commands}{path}", body, keyed)
