"""Whether newer transactions are of the same programme as an old forecast, and what differs."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from ltvforecast.data.refunds import net_refunds
from ltvforecast.errors import TransactionError
from ltvforecast.evaluate.hindcast import known_at
from ltvforecast.evaluate.score_records import SameProgramme
from ltvforecast.forecast_types import PartnerForecast
from ltvforecast.transaction_types import MICROS, Transactions

__all__ = ["TOLERANCE", "check_same_programme"]

EPOCH = dt.date(1970, 1, 1)
TOLERANCE = 0.01
"""Revenue before the as-of date that changed by less, as a share, is taken to agree."""
LEAST_FOUND = 0.5
"""With fewer of the forecast's customers or partners it is another programme."""
MOST_RESTATED = 0.5
"""Revenue that changed by more, as a share, is no restatement."""
NAMED = 3


def check_same_programme(
    forecast: PartnerForecast, transactions: Transactions, *, as_of_day: int
) -> SameProgramme:
    """Compare what both know of the time up to the as-of date.

    Parameters
    ----------
    forecast : PartnerForecast
    transactions : Transactions
        The newer ones, which reach back before the as-of date.
    as_of_day : int
        Days since 1970-01-01.

    Returns
    -------
    SameProgramme

    Raises
    ------
    TransactionError
        Another currency, no transaction after the as-of date or none before it, or so little in
        common that it is another programme.

    Notes
    -----
    Revenue up to the as-of date is compared with refunds as known then, so that later refunds are
    no difference. Up to 1 % is taken to agree; more is told as restated; more than 50 % is refused
    (a factor of 100 is mostly an amount in cents).
    """
    _refuse_currency(forecast, transactions)
    as_of = EPOCH + dt.timedelta(days=as_of_day)
    _refuse_dates(transactions, as_of, as_of_day)
    frame = transactions.frame
    customers = forecast.customers["customer_id"]
    partners = forecast.partners["partner_id"]
    found = int(customers.isin(frame["customer_id"].unique()).sum())
    missing = tuple(sorted(partners[~partners.isin(frame["partner_id"].unique())]))
    _refuse_strangers("customers", found, len(customers))
    _refuse_strangers("partners", len(partners) - len(missing), len(partners))
    then = forecast.history.groupby("partner_id")["revenue"].sum()
    now = _history(transactions, as_of_day)
    _refuse_other_revenue(float(then.sum()), float(now.sum()), as_of)
    restated = _restated(then, now) if _by_purchase(forecast) else _restated(then[:0], now[:0])
    return SameProgramme(
        customers=len(customers),
        customers_found=found,
        partners=len(partners),
        partners_found=len(partners) - len(missing),
        revenue_then=float(then.sum()),
        revenue_now=float(now.sum()),
        missing_partners=missing,
        restated_partners=restated,
        notes=_notes(
            len(customers) - found,
            missing,
            restated,
            then=float(then.sum()),
            now=float(now.sum()),
            as_of=as_of,
        ),
    )


def _by_purchase(forecast: PartnerForecast) -> bool:
    """Whether the forecast's history counts a purchase for the partner that made it."""
    allocation = forecast.provenance.get("allocation")
    return not isinstance(allocation, dict) or allocation.get("rule") == "share"


def _history(transactions: Transactions, as_of_day: int) -> pd.Series[float]:
    as_of = EPOCH + dt.timedelta(days=as_of_day)
    netted = net_refunds(known_at(transactions, as_of_day), as_of=as_of).frame
    return netted.groupby("partner_id")["amount_micros"].sum() / MICROS


def _restated(then: pd.Series[float], now: pd.Series[float]) -> pd.DataFrame:
    both = pd.DataFrame({"revenue_then": then, "revenue_now": now}).fillna(0.0)
    change = (both["revenue_now"] - both["revenue_then"]).abs()
    moved = both[change > TOLERANCE * both["revenue_then"].clip(lower=1.0)]
    order = change.loc[moved.index].sort_values(ascending=False, kind="stable").index
    return moved.loc[order].rename_axis("partner_id").reset_index()


def _refuse_currency(forecast: PartnerForecast, transactions: Transactions) -> None:
    account = forecast.provenance.get("account")
    then = account.get("currency") if isinstance(account, dict) else None
    now = transactions.quality.currency
    if then and now and str(then).upper() != now.upper():
        raise TransactionError(
            f"amounts in {now}; the forecast is in {then}",
            expected="newer transactions in the currency of the forecast",
            remedy=f"give the amounts in {then}, or choose them with --currency {then}",
        )


def _refuse_dates(transactions: Transactions, as_of: dt.date, as_of_day: int) -> None:
    days = transactions.frame["day"]
    if days.empty:
        raise TransactionError(
            "no transactions",
            expected=f"purchases before and after {as_of}",
            remedy="check the rejected rows",
        )
    first, last = (EPOCH + dt.timedelta(days=int(day)) for day in (days.min(), days.max()))
    if int(days.max()) <= as_of_day:
        raise TransactionError(
            f"the last transaction is of {last}; the forecast begins after {as_of}",
            expected=f"transactions after {as_of}: a forecast is scored by what came after it",
            remedy="give a newer export of the same programme",
        )
    if int(days.min()) > as_of_day:
        raise TransactionError(
            f"the first transaction is of {first}; the forecast knew those up to {as_of}",
            expected="the whole history, old transactions too: they show that it is the same "
            "programme, and refunds are taken off the purchases they belong to",
            remedy="export from the beginning, not only what is new",
        )


def _refuse_strangers(what: str, found: int, known: int) -> None:
    if found < LEAST_FOUND * known:
        raise TransactionError(
            f"only {found:,} of the forecast's {known:,} {what} are in these transactions",
            expected=f"the same programme: at least {LEAST_FOUND:.0%} of the {what}",
            remedy="give transactions of the same programme; if it is the same, check that ids are "
            "written as they were (leading zeros, spaces: --trim-ids, the column: --column)",
        )


def _refuse_other_revenue(then: float, now: float, as_of: dt.date) -> None:
    if abs(now - then) > MOST_RESTATED * max(then, 0.0):
        times = f", {now / then:,.3g} times as much" if then > 0 else ""
        raise TransactionError(
            f"revenue up to {as_of} is {now:,.2f} in these transactions{times}; the forecast was "
            f"made from {then:,.2f}",
            expected=f"the same history: within {MOST_RESTATED:.0%}",
            remedy="read them as they were read for the forecast (--amount-unit for cents, "
            "--currency, --refunds); if history was restated so much, fit and predict anew",
        )


def _notes(
    lost: int,
    missing: tuple[str, ...],
    restated: pd.DataFrame,
    *,
    then: float,
    now: float,
    as_of: dt.date,
) -> tuple[str, ...]:
    told = []
    if lost:
        told.append(
            f"{lost:,} of the forecast's customers are not in the newer transactions: they count "
            "as having bought nothing"
        )
    if missing:
        named = ", ".join(missing[:NAMED]) + (", ..." if len(missing) > NAMED else "")
        told.append(
            f"{len(missing):,} of the forecast's partners are not in the newer transactions at "
            f"all, not even before {as_of}: {named}"
        )
    if abs(now - then) > TOLERANCE * max(then, 1.0):
        told.append(
            f"history was restated: revenue up to {as_of} was {then:,.2f} when the forecast was "
            f"made and is {now:,.2f} now ({now / max(then, 1e-9) - 1:+.1%}); part of a miss may "
            "come from that"
        )
    if len(restated):
        worst = restated.iloc[0]
        told.append(
            f"{len(restated):,} partners' revenue up to {as_of} changed by more than "
            f"{TOLERANCE:.0%}; the most at {worst['partner_id']}: {worst['revenue_then']:,.2f} "
            f"then, {worst['revenue_now']:,.2f} now"
        )
    return tuple(told)
