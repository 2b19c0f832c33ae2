"""Which column plays which role, and what is never guessed."""

from __future__ import annotations

import pytest

from ltvforecast.data.columns import ALIASES, REQUIRED, assign_columns
from ltvforecast.errors import ConfigError, TransactionError

PLAIN = ["partner_id", "customer_id", "date", "amount"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        # impact.com actions, Tapfiliate conversions, Shopify orders, Salesforce opportunities:
        # field names as in the vendors' public API references
        (
            ["MediaPartnerId", "CustomerId", "EventDate", "Amount", "Payout", "State", "Oid"],
            {"partner_id": "MediaPartnerId", "customer_id": "CustomerId", "date": "EventDate",
             "amount": "Amount", "transaction_id": "Oid", "status": "State"},
        ),
        (
            ["affiliate.id", "customer_id", "created_at", "amount", "external_id", "program_id"],
            {"partner_id": "affiliate.id", "customer_id": "customer_id", "date": "created_at",
             "amount": "amount", "transaction_id": "external_id"},
        ),
        (
            ["Affiliate ID", "email", "created_at", "total_price", "financial_status"],
            {"partner_id": "Affiliate ID", "customer_id": "email", "date": "created_at",
             "amount": "total_price", "status": "financial_status"},
        ),
        (
            ["Reseller-ID", "AccountId", "CloseDate", "AMOUNT", "CurrencyIsoCode", "StageName"],
            {"partner_id": "Reseller-ID", "customer_id": "AccountId", "date": "CloseDate",
             "amount": "AMOUNT", "currency": "CurrencyIsoCode", "status": "StageName"},
        ),
    ],
)  # fmt: skip
def test_common_exports_are_recognised(names: list[str], expected: dict[str, str]) -> None:
    assert assign_columns(names, {}) == expected


@pytest.mark.parametrize("role", ALIASES)
def test_every_alias_is_recognised_in_any_spelling(role: str) -> None:
    others = [name for name in PLAIN if name != role]
    for alias in ALIASES[role]:
        for spelling in (alias, alias.upper(), alias.replace("_", " ").title(), f" {alias} "):
            assert assign_columns([*others, spelling], {})[role] == spelling


def test_own_name_wins_over_aliases() -> None:
    names = [*PLAIN, "created_at", "email", "revenue", "order_id", "transaction_id"]
    found = assign_columns(names, {})
    assert found == {**dict(zip(PLAIN, PLAIN, strict=True)), "transaction_id": "transaction_id"}
    assert assign_columns([*PLAIN, "Date"], {})["date"] == "date"


def test_two_aliases_are_an_error_naming_both() -> None:
    with pytest.raises(TransactionError, match="'created_at', 'processed_at'") as caught:
        assign_columns(["partner", "email", "created_at", "processed_at", "total"], {})
    assert "--column date=created_at" in caught.value.found
    with pytest.raises(TransactionError, match="2 columns could be the status"):
        assign_columns([*PLAIN, "Status", "STATUS"], {})
    chosen = assign_columns([*PLAIN, "Status", "STATUS"], {"status": ""})
    assert "status" not in chosen


def test_all_column_problems_are_told_at_once() -> None:
    with pytest.raises(TransactionError) as caught:
        assign_columns(["Cust", "customer", "email", "gross", "revenue"], {"date": "when"})
    for part in ("partner_id", "'customer', 'email'", "'gross', 'revenue'", "'when'"):
        assert part in caught.value.found
    assert "columns found: 'Cust', 'customer'" in caught.value.found


def test_missing_column_suggests_what_looks_like_it() -> None:
    with pytest.raises(TransactionError, match=r"customer_id \(close: 'costumer_id'\)"):
        assign_columns(["partner_id", "costumer_id", "date", "amount"], {})


def test_one_column_hints_at_the_delimiter() -> None:
    with pytest.raises(TransactionError, match="delimiter"):
        assign_columns(["partner_id customer_id date amount"], {})


def test_the_user_s_word_holds() -> None:
    names = ["CustKey", "rep", "when", "net", "customer_id", "currency"]
    chosen = {"customer_id": "CustKey", "partner_id": "rep", "date": "when", "amount": "net",
              "currency": ""}  # fmt: skip
    assert assign_columns(names, chosen) == {
        "partner_id": "rep",
        "customer_id": "CustKey",
        "date": "when",
        "amount": "net",
    }


def test_a_column_plays_one_role_only() -> None:
    found = assign_columns([*PLAIN, "order_id"], {"revenue_stream": "order_id"})
    assert "transaction_id" not in found


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"costumer_id": "x"}, r"unknown column role 'costumer_id' \(close: 'customer_id'\)"),
        ({"amount": ""}, "said to have no column"),
        ({"amount": "date", "date": "date"}, "said to be the amount and date"),
    ],
)
def test_choices_that_mean_nothing(chosen: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        assign_columns(PLAIN, chosen)


@pytest.mark.parametrize(
    "name", ["commission", "Commission Amount", "commission_total", "payout", "Payout Amount"]
)
def test_commission_is_never_the_amount(name: str) -> None:
    with pytest.raises(TransactionError, match="no column for the amount") as caught:
        assign_columns(["partner_id", "customer_id", "date", name], {})
    assert "close" not in caught.value.found


@pytest.mark.parametrize("sale", ["sale_amount", "sale_amount_cents", "Charge Amount"])
def test_amount_beside_a_sale_amount_may_be_the_commission(sale: str) -> None:
    with pytest.raises(TransactionError, match="2 columns could be the amount"):
        assign_columns([*PLAIN, sale], {})
    assert assign_columns([*PLAIN, sale], {"amount": sale})["amount"] == sale


@pytest.mark.parametrize(
    "name", ["amount_cents", "Amount Minor", "sale_amount_cents", "totalCents"]
)
def test_cents_are_recognised_as_amounts(name: str) -> None:
    assert assign_columns(["partner_id", "customer_id", "date", name], {})["amount"] == name


@pytest.mark.parametrize(
    "name", ["=cmd()", "<script>", "a\nb", "\u202eamount", "x" * 10_000, "'; DROP TABLE"]
)
def test_hostile_names_do_no_harm(name: str) -> None:
    with pytest.raises(TransactionError) as caught:
        assign_columns([name, "date"], {})
    assert len(str(caught.value)) < 2_000
    assert "\u202e" not in str(caught.value)
    assert all(role in caught.value.found for role in REQUIRED if role != "date")
