# ruff: noqa: C901, PLR0912, PLR0915, PLR0917 (one compiled loop, arrays as positions)
"""Partner programmes with known truth, their future, and a sampler that shares nothing with ours.

The sampler is Metropolis within Gibbs on the rows themselves, one customer at a time, with the
moves of both the centred and the non-centred form (Papaspiliopoulos, Roberts & Skold 2007): slow,
exact, and without any table, quadrature, peak or importance weight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from ltvforecast.formulas.bgnbd_kernels import log_likelihood_scalar
from ltvforecast.formulas.compiling import compiled

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """Histories by partner, and what the simulation knows beyond them."""

    x: Array
    t_x: Array
    T: Array
    home: npt.NDArray[np.int64]
    partners: int
    u: Array
    v: Array
    rate: Array
    left: Array

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        return np.bincount(self.home, minlength=self.partners)

    def future(self, weeks: float, rng: np.random.Generator) -> Array:
        """Purchases by partner in the weeks after the cut-off."""
        bought = np.minimum(rng.poisson(self.rate * weeks), self.left)
        return np.bincount(self.home, weights=bought, minlength=self.partners)


def programme(
    *,
    seed: int,
    partners: int = 40,
    sizes: npt.ArrayLike | None = None,
    sd_u: float = 0.5,
    sd_v: float = 0.6,
    r: float = 0.5,
    phi: float = 3.0,
    mean_u: npt.ArrayLike = -2.3,
    mean_v: npt.ArrayLike = -1.0,
    window: tuple[float, float] = (20.0, 78.0),
) -> Programme:
    """Partners of 2 to 400 customers, median 20; BG/NBD from each customer's birth, in weeks."""
    rng = np.random.default_rng(seed)
    if sizes is None:
        raw = np.exp(rng.normal(np.log(20.0), 1.2, partners))
        sizes = np.clip(np.round(raw), 2, 400).astype(np.int64)
    home = np.repeat(np.arange(partners), np.asarray(sizes))
    u = mean_u + sd_u * rng.standard_normal(partners)
    v = mean_v + sd_v * rng.standard_normal(partners)
    n = len(home)
    T = np.ceil(rng.uniform(*window, n) * 7) / 7
    rate = rng.gamma(r, np.exp(u[home]) / r)
    dropout = rng.beta(phi * expit(v[home]), phi * expit(-v[home]))
    dropout = np.clip(dropout, 1e-300, 1 - 1e-16)
    last = np.floor(np.log(rng.uniform(size=n)) / np.log1p(-dropout)) + 1
    bought = rng.poisson(rate * T).astype(np.float64)
    x = np.minimum(bought, last)
    t_x = T * rng.beta(np.maximum(x, 1), bought - x + 1)
    t_x = np.where(x > 0, np.minimum(np.ceil(t_x * 7) / 7, T), 0.0)
    left = np.where(bought < last, last - bought, 0.0)
    return Programme(
        x=x, t_x=t_x, T=T, home=home, partners=partners, u=u, v=v, rate=rate, left=left
    )


def simulated_future(
    data: Programme, parameters: dict[str, Array], weeks: float, rng: np.random.Generator
) -> Array:
    """Purchases by (draw, partner), given parameters of shape (draw, partner)."""
    count = parameters["alpha"].shape[0]
    out = np.empty((count, data.partners))
    for m in range(count):
        r, alpha, a, b = (parameters[k][m][data.home] for k in ("r", "alpha", "a", "b"))
        odds = np.log(a / (b + np.maximum(data.x, 1) - 1))
        odds += (r + data.x) * np.log1p((data.T - data.t_x) / (alpha + data.t_x))
        alive = rng.uniform(size=len(r)) < np.where(data.x > 0, expit(-odds), 1.0)
        rate = rng.gamma(r + data.x) / (alpha + data.T)
        dropout = np.clip(rng.beta(a, b + data.x), 1e-300, 1 - 1e-16)
        last = np.floor(np.log(rng.uniform(size=len(r))) / np.log1p(-dropout)) + 1
        bought = np.minimum(rng.poisson(np.minimum(rate * weeks, 1e7)), last) * alive
        out[m] = np.bincount(data.home, weights=bought, minlength=data.partners)
    return out


# --- the chain ----------------------------------------------------------------------------------
# state: log r, log phi, mean u, mean v, log sd u, log sd v; prior as METHOD of the package says


@compiled
def _partner(p, start, x, t_x, T, log_r, log_phi, u, v):
    r, alpha = math.exp(log_r), math.exp(log_r - u)
    a = math.exp(log_phi) / (1.0 + math.exp(-v))
    b = math.exp(log_phi) / (1.0 + math.exp(v))
    total = 0.0
    for i in range(start[p], start[p + 1]):
        total += log_likelihood_scalar(x[i], t_x[i], T[i], r, alpha, a, b)
    return total


@compiled
def _everyone(start, x, t_x, T, state, u, v, out):
    total = 0.0
    for p in range(u.size):
        out[p] = _partner(p, start, x, t_x, T, state[0], state[1], u[p], v[p])
        total += out[p]
    return total


@compiled
def _prior(state):
    total = -0.5 * (state[0] / 1.5) ** 2 - 0.5 * ((state[1] - math.log(3.0)) / 1.5) ** 2
    total += -0.5 * (state[2] / 2.0) ** 2 - 0.5 * (state[3] / 1.5) ** 2
    for d in range(2):
        total += state[4 + d] - 0.5 * (math.exp(state[4 + d]) / 0.75) ** 2
    return total


@compiled
def _levels_prior(state, u, v):
    total = 0.0
    for p in range(u.size):
        total -= 0.5 * ((u[p] - state[2]) / math.exp(state[4])) ** 2 + state[4]
        total -= 0.5 * ((v[p] - state[3]) / math.exp(state[5])) ** 2 + state[5]
    return total


@compiled
def _run(rng, start, x, t_x, T, state, u, v, burn, sweeps, thin, kept_state, kept_levels):
    count = u.size
    here, there = np.empty(count), np.empty(count)
    steps, tried, taken = np.full(8, 0.2), np.zeros(8), np.zeros(8)
    own, own_taken = np.full((count, 2), 0.3), np.zeros((count, 2))
    total = _everyone(start, x, t_x, T, state, u, v, here)
    for sweep in range(burn + sweeps):
        for p in range(count):
            for d in range(2):
                move = own[p, d] * rng.standard_normal()
                nu, nv = u[p] + move * (1 - d), v[p] + move * d
                value = _partner(p, start, x, t_x, T, state[0], state[1], nu, nv)
                gap = value - here[p]
                gap -= (
                    0.5 * ((nu - state[2]) ** 2 - (u[p] - state[2]) ** 2) * math.exp(-2 * state[4])
                )
                gap -= (
                    0.5 * ((nv - state[3]) ** 2 - (v[p] - state[3]) ** 2) * math.exp(-2 * state[5])
                )
                if math.log(rng.random()) < gap:
                    total += value - here[p]
                    u[p], v[p], here[p] = nu, nv, value
                    own_taken[p, d] += 1
        # 0-3: shapes (1: with all v), 2, 3: means with all levels, 4, 5: spreads with all levels
        for k in range(6):
            trial, tu, tv = state.copy(), u.copy(), v.copy()
            move = steps[k] * rng.standard_normal()
            trial[k] += move
            if k == 2:
                tu += move
            if k == 3:
                tv += move
            if k == 4:
                tu = state[2] + (u - state[2]) * math.exp(move)
            if k == 5:
                tv = state[3] + (v - state[3]) * math.exp(move)
            value = _everyone(start, x, t_x, T, trial, tu, tv, there)
            tried[k] += 1
            if math.log(rng.random()) < value - total + _prior(trial) - _prior(state):
                state[:], u[:], v[:], here[:], total = trial, tu, tv, there, value
                taken[k] += 1
        for d in range(2):
            level = u if d == 0 else v
            spread = math.exp(2 * state[4 + d])
            wide = 4.0 if d == 0 else 2.25
            precision = count / spread + 1.0 / wide
            state[2 + d] = level.sum() / spread / precision
            state[2 + d] += rng.standard_normal() / math.sqrt(precision)
            for _ in range(5):
                trial = state.copy()
                trial[4 + d] += 0.25 * rng.standard_normal()
                gap = _levels_prior(trial, u, v) - _levels_prior(state, u, v)
                if math.log(rng.random()) < gap + _prior(trial) - _prior(state):
                    state[4 + d] = trial[4 + d]
        if sweep < burn and sweep % 100 == 99:
            for k in range(6):
                steps[k] *= math.exp(taken[k] / tried[k] - 0.35)
                taken[k], tried[k] = 0.0, 0.0
            own *= np.exp(own_taken / 100.0 - 0.4)
            own_taken[:] = 0.0
        at = sweep - burn
        if at >= 0 and at % thin == 0:
            kept_state[at // thin] = state
            kept_levels[at // thin, :, 0] = u
            kept_levels[at // thin, :, 1] = v


def chain(
    data: Programme, *, seed: int, burn: int, sweeps: int, thin: int = 10
) -> tuple[Array, Array]:
    """Draws of the six shared coordinates and of the partners' levels, time in mean ages."""
    unit = data.T.mean()
    order = np.argsort(data.home, kind="stable")
    start = np.searchsorted(data.home[order], np.arange(data.partners + 1))
    rng = np.random.default_rng(seed)
    state = np.array([-0.5, 1.0, np.log(0.1 * unit), -1.0, -1.0, -1.0])
    state += 0.2 * rng.standard_normal(6)
    u = state[2] + 0.3 * rng.standard_normal(data.partners)
    v = state[3] + 0.3 * rng.standard_normal(data.partners)
    states, levels = np.empty((sweeps // thin, 6)), np.empty((sweeps // thin, data.partners, 2))
    columns = (data.x[order], data.t_x[order] / unit, data.T[order] / unit)
    _run(rng, start, *columns, state, u, v, burn, sweeps, thin, states, levels)
    return states, levels


def parameters_of(states: Array, levels: Array, unit: float) -> dict[str, Array]:
    """``r, alpha, a, b`` of shape (draw, partner)."""
    r, phi = np.exp(states[:, :1]), np.exp(states[:, 1:2])
    return {
        "r": np.broadcast_to(r, levels.shape[:2]),
        "alpha": r * np.exp(-levels[:, :, 0]) * unit,
        "a": phi * expit(levels[:, :, 1]),
        "b": phi * expit(-levels[:, :, 1]),
    }
