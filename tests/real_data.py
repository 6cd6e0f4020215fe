"""Where the real data sets are; read once, before any test hides the variable from what it runs."""

import os

REAL_DATA = os.environ.get("SENTREC_DATA")
