"""Benchmarks: sentrec beside what a user would pick instead, on the same data and machine, in one run.

``make bench`` measures everything, ``make bench QUICK=1`` the same ratios on fewer rows in under two minutes. Where to
look:

- ``__main__``: the command line; which parts there are and in which order they run.
- ``contender``, ``contenders``: what is compared, and the list of it; one file for each kind (``linear``,
  ``fasttext_bigrams``, ``tutorial_bilstm``, ``sentrec_recipe``).
- ``comparison`` starts a process for each measurement of a contender; ``worker`` is that process.
- ``vectors``, ``scaling``: the parts of sentrec by themselves.
- ``settings``, ``workplace``, ``measure``, ``table``: how much to do, where, how it is timed, and how it
  is shown.
"""
