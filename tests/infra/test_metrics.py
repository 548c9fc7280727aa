"""The text format of Prometheus."""

from infra.http.metrics import Metric, metrics_answer
from tests.support.prometheus import parsed


def test_labels_are_escaped_and_what_is_not_known_is_left_out() -> None:
    strange = 'a"b\\c\nd'
    answer = metrics_answer([Metric("a_metric", "gauge", "Told.", [({"name": strange}, 1.5), ({"name": "x"}, None)])])
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    text = bytes(answer.body).decode()
    assert text == '# HELP a_metric Told.\n# TYPE a_metric gauge\na_metric{name="a\\"b\\\\c\\nd"} 1.5\n'
    assert list(parsed(text)["a_metric"].values()) == [1.5]
