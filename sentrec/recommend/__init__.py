"""From a pile of reviews to a ranking: score as a stream, aggregate per item, rank, explain.

The package is called like its function, and can be called: ``sentrec.recommend(reviews)`` is
`sentrec.recommend.api.recommend`.
"""

from sentrec.callable import make_callable

make_callable(__name__, "api", "recommend")
