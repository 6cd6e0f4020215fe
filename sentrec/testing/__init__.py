"""The conformance kits: what every encoder and every kind of model must do, as tests that a plugin author inherits.

A plugin's test file needs three lines::

    from sentrec.testing import EncoderConformance

    class TestMyEncoder(EncoderConformance):
        encoder = MyEncoder

or, for a kind of model that owns the way from text to logits::

    from sentrec.testing import TextModelConformance

    class TestMyModel(TextModelConformance):
        model = MyModel

or, for a recommender that learns from ratings, `RecommenderConformance` with ``recommender = MyRecommender``.

pytest collects the inherited checks; each one that fails says what is wrong and what to look at.
"""

from sentrec.testing.encoders import EncoderConformance, bfloat16_autocast
from sentrec.testing.models import TextModelConformance
from sentrec.testing.recommenders import RecommenderConformance

__all__ = ["EncoderConformance", "RecommenderConformance", "TextModelConformance", "bfloat16_autocast"]
