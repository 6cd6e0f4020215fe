"""Personal recommendations: ratings of many users and what films are, turned into a list for one of them."""
