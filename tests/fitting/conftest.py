from __future__ import annotations

import pandas as pd
import pytest

from ltvforecast.fit_types import FittedModel
from ltvforecast.fitting.fit_model import fit_model
from tests.fitting.made_summary import cdnow_customers, summary_of


@pytest.fixture(scope="session")
def cdnow() -> pd.DataFrame:
    return cdnow_customers()


@pytest.fixture(scope="session")
def cdnow_model(cdnow: pd.DataFrame) -> FittedModel:
    return fit_model(summary_of(cdnow), draws=500, pooling="complete")
