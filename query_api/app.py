"""The query API as an ASGI app: every router, the shape of errors, the limits. Nothing connects here."""

from fastapi import Depends

from infra.http.limits import BodyLimit
from infra.http.problem_handlers import install
from infra.http.problem_schema import problem_responses
from infra.http.strict_query import strict_query
from infra.settings import Settings
from query_api import (
    catalog,
    events,
    health,
    order_history,
    price_history,
    projections,
    recommendations,
    sales,
    stock,
    top_sellers,
    why,
)
from query_api.lean_route import QueryApp
from query_api.sources import Sources

ROUTERS = (
    catalog.router,
    price_history.router,
    stock.router,
    order_history.router,
    top_sellers.router,
    recommendations.router,
    sales.router,
    events.router,
    why.router,
    projections.router,
    projections.metrics,
    health.router,
)


def create_app(settings: Settings, sources: Sources) -> QueryApp:
    """The app that answers from `sources`, which its process opens and closes."""
    app = QueryApp(
        title="Stockroom query API",
        summary="What the read models know: products, stock, orders, sales.",
        version="1",
        dependencies=[Depends(strict_query)],
        responses=problem_responses(400, 404, 408, 422, 431, 503),
        redirect_slashes=False,
    )
    app.state.sources = sources
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.lean("/v1/orders/", ("order_history",), order_history.plain_order)
    app.lean("/v1/stock/", stock.READ, stock.plain_stock)
    app.lean(top_sellers.PATH, top_sellers.READ, top_sellers.plain_top)
    return app
