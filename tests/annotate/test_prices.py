"""Prices of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nerdistill.annotate.prices import gpu_cost, load_prices
from nerdistill.errors import AssetError, ConfigError

if TYPE_CHECKING:
    from pathlib import Path

TABLE = """
currency = "EUR"
date = "2031-02"
batch = 0.25
[models."a"]
prompt = 4
cached = 1
reply = 8
[models."a-b"]
prompt = 100
reply = 0
"""


@pytest.mark.parametrize(
    ("model", "prompt"),
    [
        ("gpt-4", 30.0),
        ("gpt-4-0613", 30.0),
        ("gpt-4-0125-preview", 10.0),
        ("gpt-4-turbo-preview", 10.0),
        ("gpt-4-32k-0613", 60.0),
        ("gpt-4o", 2.5),
        ("gpt-4o-2024-08-06", 2.5),
        ("gpt-4o-2024-05-13", 5.0),
        ("gpt-4o-mini-2024-07-18", 0.15),
        ("gpt-4.1", 2.0),
        ("gpt-4.1-nano-2025-04-14", 0.1),
        ("gpt-4.5-preview", None),
        ("gpt-40", None),
        ("gpt", None),
        ("my-gpt-4", None),
        ("", None),
    ],
)
def test_longest_name_up_to_a_dash(model: str, prompt: float | None) -> None:
    """A dated model costs what its family does; another family has no price at all."""
    prices = load_prices()
    found = prices.price(model)
    assert (found.prompt if found else None) == prompt
    assert (prices.cost(model, 1e6, 0, 0) is None) == (prompt is None)


def test_bundled_table_is_dated_and_asks_to_be_checked() -> None:
    """Whoever sees a cost can see how old the prices are."""
    prices = load_prices()
    assert (prices.currency, prices.date, prices.batch) == ("USD", "2025", 0.5)


def test_costs_by_hand(tmp_path: Path) -> None:
    """Cached tokens at their own price, batches at their share without the cache's discount."""
    path = tmp_path / "p.toml"
    path.write_text(TABLE)
    prices = load_prices(path)
    assert prices.cost("a", 1_000_000, 250_000, 500_000) == pytest.approx(3 + 0.25 + 4)
    assert prices.cost("a", 1_000_000, 250_000, 500_000, batch=True) == pytest.approx(2)
    assert prices.cost("a-b-c", 10_000, 10_000, 7) == pytest.approx(1.0)
    assert prices.cost("a-b", 0, 0, 0) == 0.0
    assert prices.cost("z", 0, 0, 0) is None


def test_gpu_hours() -> None:
    """Half an hour on four GPUs at two an hour."""
    assert gpu_cost(1800, 2.0, 4) == 4.0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("currency = ", "not a price table"),
        (TABLE.replace("reply = 8", "reply = -8"), "models.a.reply"),
        (TABLE.replace("reply = 8", "reply = nan"), "models.a.reply"),
        (TABLE.replace("cached", "cache"), "models.a.cache"),
        (TABLE.replace('currency = "EUR"', ""), "currency"),
        (TABLE.replace("0.25", "25"), "batch"),
    ],
)
def test_wrong_tables_are_named(text: str, complaint: str, tmp_path: Path) -> None:
    """Each mistake names file and key."""
    path = tmp_path / "p.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=complaint) as raised:
        load_prices(path)
    assert str(path) in raised.value.message


def test_missing_table(tmp_path: Path) -> None:
    """A table that does not exist is an error at once."""
    with pytest.raises(AssetError, match="price table"):
        load_prices(tmp_path / "none.toml")
