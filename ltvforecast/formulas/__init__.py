"""Pure mathematics of the purchase and spend models: arrays in, arrays out.

Each model is a module of functions with the same names and signatures; nothing here knows where
the data came from. Symbols, as in the literature, in all modules of this package:

=========  =========================================================================================
``x``      repeat purchases: distinct purchase days (or periods) after the first
``t_x``    age at the last of them, 0 if there are none
``T``      age at the end of the observation
``t``      length of the future considered, from ``T`` on
``s``      a moment of the future, measured from ``T``
``n``      a number of purchases (BG/NBD: in the future; Gamma-Gamma: with a known amount)
``delta``  continuous discount rate per unit of time, log(1 + effective rate per unit)
``r``      shape of the gamma law of purchase rates over customers
``alpha``  its rate, in units of time: the mean purchase rate is r / alpha
``a, b``   the beta law of the dropout probability after a repeat purchase, mean a / (a + b)
``zbar``   mean amount of a customer's purchases (argument ``mean``)
``S, SL``  sum of the amounts and of their logarithms (arguments ``total``, ``log_total``)
``p``      shape of the gamma law of amounts within a customer
``q``      shape of the gamma law over customers of the rate nu of the amounts
``v``      rate of that law, in money; written gamma in the papers
``nu``     rate of the gamma law of one customer's amounts, whose mean is p / nu
=========  =========================================================================================

All times are in one unit, which is also that of ``alpha`` and of ``1 / delta``; all money is in
one unit, which is also that of ``v``. Gamma(shape, rate) and Beta(a, b) throughout. All arguments
broadcast against each other, so that parameters of shape (draw, 1) and histories of shape
(customer,) give results of shape (draw, customer).

Inputs are not checked here, they are checked where data enter: finite numbers, parameters > 0,
``x`` whole and >= 0, ``0 < t_x <= T`` if ``x > 0``, ``t_x = 0 <= T`` if ``x = 0``.
"""

from __future__ import annotations

__all__: list[str] = []
