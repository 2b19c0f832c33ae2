from __future__ import annotations

import pytest

import ltvforecast as ltv
from ltvforecast.check_types import FitChecks
from ltvforecast.data.transactions import read_transactions
from ltvforecast.fit_types import FittedModel
from ltvforecast.transaction_types import Transactions
from tests.checks.made_orders import bare_fit, made_fit


@pytest.fixture(scope="session")
def cdnow_orders() -> Transactions:
    return read_transactions(ltv.load_cdnow_sample())


@pytest.fixture(scope="session")
def cdnow(cdnow_orders: Transactions) -> FittedModel:
    """The published setting: 39 weeks, maximum likelihood."""
    summary = ltv.summarize(cdnow_orders, as_of="1997-09-30", time_unit="week")
    return bare_fit(summary)


@pytest.fixture(scope="session")
def cdnow_checks(cdnow: FittedModel) -> FitChecks:
    return ltv.check_fit(cdnow)


@pytest.fixture(scope="session")
def right_model() -> FittedModel:
    """Fitted to data that the model itself made."""
    return made_fit("model", customers=1200, seed=11)


@pytest.fixture(scope="session")
def right_checks(right_model: FittedModel) -> FitChecks:
    return ltv.check_fit(right_model)
