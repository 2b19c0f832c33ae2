"""The exception tree: every message says what was found, what was expected and what to do.

::

    LTVForecastError            anything this package refuses; printed without a traceback
    ├── ConfigError             exit 2: an option, a settings file or a horizon that means nothing
    ├── TransactionError        exit 1: the transactions can't be trusted as they are
    ├── SummaryError            exit 1: no customer history can be built from these transactions
    ├── ConvergenceError        exit 1: a fit that is not to be trusted
    ├── ForecastError           exit 1: a forecast that can't be made from the given model
    ├── OutputExistsError       exit 2: the output is already there and --overwrite was not given
    └── StoredFileError         exit 3: a saved model or forecast is missing, damaged or newer
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "ConfigError",
    "ConvergenceError",
    "ForecastError",
    "LTVForecastError",
    "OutputExistsError",
    "StoredFileError",
    "SummaryError",
    "TransactionError",
]


class LTVForecastError(Exception):
    """Base of the tree; ``exit_code`` is what the command line exits with.

    Parameters
    ----------
    found : str
        What was found: the count, and the first example with its row or name.
    expected : str
        What was expected instead.
    remedy : str
        What the reader can do about it.
    """

    exit_code: int = 1

    def __init__(self, found: str, *, expected: str, remedy: str) -> None:
        self.found = found
        self.expected = expected
        self.remedy = remedy
        super().__init__(f"{found}\n  expected: {expected}\n  what to do: {remedy}")

    def __reduce__(self) -> tuple[object, ...]:
        """Survive a trip through a process pool, although the arguments are keywords."""
        return (_rebuild, (type(self), self.found, self.expected, self.remedy))


def _rebuild(
    kind: type[LTVForecastError], found: str, expected: str, remedy: str
) -> LTVForecastError:
    return kind(found, expected=expected, remedy=remedy)


class ConfigError(LTVForecastError):
    """An option, a settings file or a horizon that means nothing."""

    exit_code = 2


class TransactionError(LTVForecastError):
    """The transactions can't be trusted as they are.

    Parameters
    ----------
    found, expected, remedy : str
        As for every error of the tree.
    account : ltvforecast.transaction_types.Account or None
        Where the file could be read at all: what would be kept and what would be rejected, had
        the rows that are refused here been rejected instead.
    rejects : pandas.DataFrame or None
        The rows behind it, as in ``Transactions.rejects``.
    """

    def __init__(
        self,
        found: str,
        *,
        expected: str,
        remedy: str,
        account: Any = None,  # an Account; this module imports nothing of the package
        rejects: Any = None,
    ) -> None:
        super().__init__(found, expected=expected, remedy=remedy)
        self.account = account
        self.rejects = rejects

    def __reduce__(self) -> tuple[object, ...]:
        """Take the account along through a process pool."""
        state = {"account": self.account, "rejects": self.rejects}
        return (*super().__reduce__(), state)


class SummaryError(LTVForecastError):
    """No customer history can be built from these transactions."""


class ConvergenceError(LTVForecastError):
    """A fit that is not to be trusted."""


class ForecastError(LTVForecastError):
    """A forecast that can't be made from the given model."""


class OutputExistsError(LTVForecastError):
    """The output is already there and overwriting was not asked for."""

    exit_code = 2


class StoredFileError(LTVForecastError):
    """A saved model or forecast is missing, damaged or written by a newer version."""

    exit_code = 3
