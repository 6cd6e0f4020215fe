"""What the tests of this room share."""

from recommend_corpus import in_own_folder, reviews, small_chunks  # noqa: F401 - fixtures
