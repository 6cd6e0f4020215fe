"""From a pile of reviews to a ranking: score as a stream, aggregate per film, rank, explain."""
