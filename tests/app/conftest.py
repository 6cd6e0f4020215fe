"""The page needs an extra."""

import pytest

pytest.importorskip("gradio", reason="the extra app is not installed")
