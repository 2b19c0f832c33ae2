"""Priors as data: the defaults, and what a TOML table changes about them."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ltvforecast.errors import ConfigError
from ltvforecast.fitting.priors import EFFECT_SD, PURCHASE_PRIOR, SPEND_PRIOR, NormalPrior

__all__ = [
    "DEFAULT_PRIORS",
    "PURCHASE_COORDINATES",
    "SPEND_COORDINATES",
    "Priors",
    "Spread",
    "changed_words",
    "priors_from_table",
    "read_priors",
]

PURCHASE_COORDINATES = ("log_r", "log_rate", "logit_dropout", "log_phi")
"""``log r``, ``log(r/alpha)``, ``logit a/(a+b)``, ``log(a+b)``; time in multiples of the mean age.

Where partners differ, the second and the third are the mean over partners."""

SPEND_COORDINATES = ("log_p", "log_mean_spend", "log_q_minus_1")
"""``log p``, ``log(p v/(q-1))``, ``log(q-1)``; money in multiples of the median customer's amount.

Where partners differ, the second is the mean over partners."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Scales of priors: half-normal of how much groups differ, or normal of effects.

    Attributes
    ----------
    rate, dropout, spend : float
        Of the standard deviations of ``log_rate``, ``logit_dropout`` and ``log_mean_spend``, or of
        what covariates add to them.
    """

    rate: float
    dropout: float
    spend: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Priors:
    """All priors of a fit.

    Attributes
    ----------
    purchase, spend : NormalPrior
        Of :data:`PURCHASE_COORDINATES` and :data:`SPEND_COORDINATES`.
    partner_spread, segment_spread : Spread
        How much partners differ inside a segment, and segments among each other.
    covariate_effect : Spread
        What one unit of a coded column of a covariate adds: normal with mean 0 and this scale.
    """

    purchase: NormalPrior = PURCHASE_PRIOR
    spend: NormalPrior = SPEND_PRIOR
    partner_spread: Spread = Spread(rate=0.75, dropout=0.75, spend=0.75)
    segment_spread: Spread = Spread(rate=0.5, dropout=0.5, spend=0.5)
    covariate_effect: Spread = Spread(rate=EFFECT_SD, dropout=EFFECT_SD, spend=EFFECT_SD)


DEFAULT_PRIORS = Priors()
"""Weak and scale-free; the same as those of the Laplace fit."""

_SPREADS = ("partner_spread", "segment_spread", "covariate_effect")
_NAMES = (*PURCHASE_COORDINATES, *SPEND_COORDINATES, *_SPREADS)


def changed_words(priors: Priors) -> str:
    """Say which priors are not the default ones, and what they are.

    Examples
    --------
    >>> changed_words(priors_from_table({"log_r": {"sd": 1.0}}))
    'log_r: mean 0, sd 1'
    >>> changed_words(DEFAULT_PRIORS)
    ''
    """
    told = []
    for ours, usual, names in (
        (priors.purchase, DEFAULT_PRIORS.purchase, PURCHASE_COORDINATES),
        (priors.spend, DEFAULT_PRIORS.spend, SPEND_COORDINATES),
    ):
        both = zip(
            names, zip(ours.mean, ours.sd, strict=True), zip(usual.mean, usual.sd, strict=True),
            strict=True,
        )  # fmt: skip
        told += [f"{name}: mean {at[0]:g}, sd {at[1]:g}" for name, at, was in both if at != was]
    for name in _SPREADS:
        spread = getattr(priors, name)
        if spread != getattr(DEFAULT_PRIORS, name):
            told.append(
                f"{name}: rate {spread.rate:g}, dropout {spread.dropout:g}, spend {spread.spend:g}"
            )
    return "; ".join(told)


def priors_from_table(table: Mapping[str, object], *, where: str = "[priors]") -> Priors:
    """Change the default priors as a settings table says.

    Parameters
    ----------
    table : mapping
        Keys are the coordinates, each with ``mean`` and/or ``sd``, and ``partner_spread``,
        ``segment_spread`` and ``covariate_effect``, each with some of ``rate``, ``dropout`` and
        ``spend``.
    where : str
        Where the table stands, for messages.

    Returns
    -------
    Priors

    Raises
    ------
    ConfigError
        A name is unknown, or a value is no finite number, or a width is not above 0.

    Examples
    --------
    >>> import tomllib
    >>> text = '''
    ... log_r = { sd = 1.0 }
    ... partner_spread = { rate = 0.3 }
    ... '''
    >>> priors = priors_from_table(tomllib.loads(text))
    >>> priors.purchase.sd, priors.partner_spread.rate
    ((1.0, 2.0, 1.5, 1.5), 0.3)
    """
    _refuse_unknown(table, _NAMES, where)
    parts = {name: _numbers(name, content, where) for name, content in table.items()}
    partner, segment, effect = (parts.get(name, {}) for name in _SPREADS)
    return Priors(
        purchase=_changed(PURCHASE_PRIOR, PURCHASE_COORDINATES, parts),
        spend=_changed(SPEND_PRIOR, SPEND_COORDINATES, parts),
        partner_spread=replace(DEFAULT_PRIORS.partner_spread, **partner),
        segment_spread=replace(DEFAULT_PRIORS.segment_spread, **segment),
        covariate_effect=replace(DEFAULT_PRIORS.covariate_effect, **effect),
    )


def read_priors(path: str | Path) -> Priors:
    """Read priors from the table ``[priors]`` of a TOML file.

    Parameters
    ----------
    path : str or pathlib.Path

    Returns
    -------
    Priors

    Raises
    ------
    ConfigError
        The file can't be read, has no such table, or the table has something wrong in it.
    """
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"the settings file {path} can't be read: {error}",
            expected="a TOML file with a table [priors]",
            remedy="correct the path or the line named above",
        ) from error
    table = content.get("priors")
    if not isinstance(table, dict):
        raise ConfigError(
            f"{path} has no table [priors]",
            expected="a table [priors] with one prior a line, for example log_r = { sd = 1.0 }",
            remedy="write [priors] on a line of its own and the priors below it",
        )
    return priors_from_table(table, where=f"{path}, table [priors]")


def _refuse_unknown(table: Mapping[str, object], known: tuple[str, ...], where: str) -> None:
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise ConfigError(
            f"{where}: unknown name {', '.join(unknown)}",
            expected=f"some of: {', '.join(known)}",
            remedy="correct the name",
        )


def _numbers(name: str, content: object, where: str) -> dict[str, float]:
    """Check one line's inner table: its names, and that its values make sense."""
    spread = name in _SPREADS
    known = ("rate", "dropout", "spend") if spread else ("mean", "sd")
    if not isinstance(content, Mapping):
        raise ConfigError(
            f"{where}: {name} is {content!r}",
            expected=f"a table with some of {', '.join(known)}",
            remedy=f"write {name} = {{ {known[-1]} = 1.0 }}",
        )
    _refuse_unknown(content, known, f"{where}, {name}")
    numbers = {}
    for key, value in content.items():
        width = spread or key == "sd"
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        if not (plain and math.isfinite(value) and (value > 0 or not width)):
            raise ConfigError(
                f"{where}: {key} of {name} is {value!r}",
                expected="a finite number above 0" if width else "a finite number",
                remedy="correct the value",
            )
        numbers[key] = float(value)
    return numbers


def _changed(
    prior: NormalPrior, coordinates: tuple[str, ...], parts: Mapping[str, Mapping[str, float]]
) -> NormalPrior:
    now = zip(coordinates, prior.mean, prior.sd, strict=True)
    both = [
        (parts.get(name, {}).get("mean", mean), parts.get(name, {}).get("sd", sd))
        for name, mean, sd in now
    ]
    return replace(prior, mean=tuple(m for m, _ in both), sd=tuple(s for _, s in both))
