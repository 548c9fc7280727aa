"""The Consistency-Token as text."""

import pytest

from infra.http.consistency_token import MOST_TOKENS, BadConsistencyToken, Token, parse, render

CLUSTER = "5L6g3nShT-eMCtK--X86sw"


def test_what_is_rendered_is_parsed() -> None:
    tokens = [Token(CLUSTER, "orders", 3, 1842), Token(CLUSTER, "stock", 0, 0)]
    assert render(tokens) == f"{CLUSTER}:orders/3@1842,{CLUSTER}:stock/0@0"
    assert parse(render(tokens)) == tokens
    assert parse(f" {tokens[0]} ,  {tokens[1]}") == tokens


@pytest.mark.parametrize(
    "header",
    [
        "",
        ",",
        "orders/3@1842",
        f"{CLUSTER}:orders",
        f"{CLUSTER}:orders/3",
        f"{CLUSTER}:orders/x@1",
        f"{CLUSTER}:orders/3@-1",
        f"{CLUSTER}:orders/3@1.0",
        f"{CLUSTER}:orders/٣@1",
        f"{CLUSTER}:orders/3@{10**100}",
        f"{CLUSTER}:orders/3@1;drop",
        f"{CLUSTER}:orders/3@1\nx",
        f"{'c' * 101}:orders/3@1",
    ],
)
def test_what_is_no_token_is_refused(header: str) -> None:
    with pytest.raises(BadConsistencyToken):
        parse(header)


def test_too_many_tokens_are_refused() -> None:
    token = str(Token(CLUSTER, "orders", 0, 0))
    assert len(parse(",".join([token] * MOST_TOKENS))) == MOST_TOKENS
    with pytest.raises(BadConsistencyToken):
        parse(",".join([token] * (MOST_TOKENS + 1)))
