"""Which models to compare: names such as bg-nbd/gamma-gamma-mean, made of what a fit offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args, get_type_hints

from ltvforecast.errors import ConfigError
from ltvforecast.fit_types import FitSettings

__all__ = ["AXES", "ModelSpec", "choices_of", "parse_models"]

AXES = ("method", "model", "spend", "dependence", "pooling")
"""Fields of FitSettings in which models may differ; their choices are those of the fields. Partners
are pooled completely unless another ``pooling`` is named: information criteria need that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One of the models to compare: its name as the user gave it, and what to ask of the fit."""

    name: str
    settings: FitSettings


def choices_of(axis: str) -> tuple[str, ...]:
    """List what a fit offers for one option.

    Examples
    --------
    >>> choices_of("spend")
    ('gamma-gamma', 'gamma-gamma-mean')
    """
    return tuple(get_args(get_type_hints(FitSettings)[axis]))


def parse_models(models: str | Sequence[str]) -> tuple[ModelSpec, ...]:
    """Read specifications of models.

    Parameters
    ----------
    models : str or sequence of str
        Specifications; in one text they are separated by commas. Each names options of a fit,
        separated by slashes, in any order: ``bg-nbd/gamma-gamma-mean``. What is not named has its
        default. ``option=value`` says which option is meant where a value could be of several.

    Returns
    -------
    tuple of ModelSpec

    Raises
    ------
    ConfigError
        Fewer than two, two that are the same, or a value that no option has.

    Examples
    --------
    >>> one, other = parse_models("bg-nbd, bg-nbd/gamma-gamma-mean/method=mle")
    >>> one.settings.spend, other.settings.spend, other.settings.method
    ('gamma-gamma', 'gamma-gamma-mean', 'mle')
    """
    texts = models.split(",") if isinstance(models, str) else list(models)
    specs = tuple(_parse(text.strip()) for text in texts)
    if len(specs) < 2:
        raise ConfigError(
            f"{len(specs)} model to compare",
            expected="at least two, separated by commas",
            remedy="give for example --models bg-nbd/gamma-gamma,bg-nbd/gamma-gamma-mean",
        )
    seen: dict[FitSettings, str] = {}
    for spec in specs:
        if spec.settings in seen:
            raise ConfigError(
                f"{seen[spec.settings]!r} and {spec.name!r} are the same model",
                expected="models that differ (what is not named has its default)",
                remedy="remove one of them",
            )
        seen[spec.settings] = spec.name
    return specs


def _parse(text: str) -> ModelSpec:
    chosen: dict[str, str] = {}
    for word in text.split("/"):
        axis, value = _axis_of(word.strip(), text)
        if axis in chosen:
            raise ConfigError(
                f"{text!r} gives {axis} twice: {chosen[axis]} and {value}",
                expected="each option once",
                remedy="remove one of them, or put a comma between two models",
            )
        chosen[axis] = value
    return ModelSpec(name=text, settings=replace(FitSettings(), **chosen))  # type: ignore[arg-type]


def _axis_of(word: str, text: str) -> tuple[str, str]:
    name, given, value = word.partition("=")
    if given:
        axes = [axis for axis in AXES if axis == name.strip()]
        value = value.strip()
    else:
        axes = [axis for axis in AXES if name in choices_of(axis)]
        value = name
    if len(axes) > 1:
        raise ConfigError(
            f"{word!r} in {text!r} could be {' or '.join(axes)}",
            expected="one option",
            remedy=f"write {axes[0]}={word} or {axes[1]}={word}",
        )
    if not axes or value not in choices_of(axes[0]):
        offered = "; ".join(f"{axis}: {', '.join(choices_of(axis))}" for axis in AXES)
        raise ConfigError(
            f"{word!r} in the model {text!r} is nothing that a fit offers",
            expected=f"options separated by slashes, models by commas ({offered})",
            remedy="correct the name",
        )
    return axes[0], value
