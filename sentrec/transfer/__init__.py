"""What moves from a source to a target: arms, label budgets, seeds, and a verdict that the numbers support.

The package is called like its function, and can be called: ``sentrec.transfer("amazon-to-imdb", seeds=5)`` is
`sentrec.transfer.study.transfer`.
"""

from sentrec.callable import make_callable

make_callable(__name__, "study", "transfer")
