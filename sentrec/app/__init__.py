"""The web page of `sentrec app` (extra ``app``): what the commands do, for people who would rather look."""
