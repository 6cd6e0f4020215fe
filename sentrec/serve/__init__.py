"""Models behind HTTP: classification of texts and ranking of reviews as JSON (extra ``serve``)."""
