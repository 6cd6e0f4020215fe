"""The conformance kit of encoders."""

import contextlib
import copy
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
import yaml
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from sentrec.encoder import Encoder, EncoderConfig
from sentrec.models.device import has_bfloat16

_LENGTHS = (7, 1, 4, 2, 9, 3, 9, 5)
"""Tokens of the eight texts of the checks: one token, equal lengths, and some shorter than a usual kernel."""


class EncoderConformance:
    """Checks of one encoder; subclass it under a name that starts with ``Test`` and set `encoder`."""

    encoder: ClassVar[type[Encoder]]
    """The encoder under test."""

    config: ClassVar[Mapping[str, Any]] = {}
    """Options of the encoder, as a recipe would state them; small ones keep the checks fast."""

    input_size: ClassVar[int] = 16
    """Width of the embedded tokens."""

    tolerance: ClassVar[float] = 1e-5
    """Largest difference of two answers for the same text, in float32."""

    def setup_method(self) -> None:
        """Runs each check on one thread: for tensors this small, more of them only wait for each other."""
        self._threads = torch.get_num_threads()
        torch.set_num_threads(1)

    def teardown_method(self) -> None:
        """Gives the threads back."""
        torch.set_num_threads(self._threads)

    def build(self, seed: int = 0) -> Encoder:
        """The encoder with freshly drawn parameters, in evaluation mode."""
        options = self._options()
        with _seeded(seed):
            return self.encoder(options, self.input_size).eval()

    def test_is_an_encoder_with_a_summary(self) -> None:
        """It is an `Encoder`, and its docstring begins with a line for `sentrec encoders`."""
        require(issubclass(self.encoder, Encoder), f"{self.encoder.__name__} must be a subclass of sentrec.Encoder.")
        # The class's own docstring: nn.Module's would otherwise stand in for it.
        summary = (vars(self.encoder).get("__doc__") or "").strip().partition("\n")[0]
        require(summary, f"{self.encoder.__name__} has no docstring; its first line is what `sentrec encoders` shows.")

    def test_options_are_documented_and_have_defaults(self) -> None:
        """`Config` is an `EncoderConfig`, knows every option by default and description, and refuses unknown ones."""
        config = self.encoder.Config
        require(issubclass(config, EncoderConfig), "Config must be a subclass of sentrec.EncoderConfig.")
        require("name" not in config.model_fields, "an option cannot be called 'name': recipes name the encoder so.")
        require_documented_options(config)
        try:
            config.model_validate({"no_such_option": 1})
        except ValidationError:
            return
        raise AssertionError("Config accepts unknown options, so misspelt ones would pass: keep extra='forbid'.")

    def test_config_survives_json_and_yaml(self) -> None:
        """The options are the same after being written to a run's recipe and read back."""
        options = self._options()
        values = options.model_dump(mode="json")
        for form, back in (("JSON", json.loads(json.dumps(values))), ("YAML", yaml.safe_load(yaml.safe_dump(values)))):
            changed = f"the options are not the same after {form}: {values} came back as {back}. Use plain types."
            require(self.encoder.Config.model_validate(back) == options, changed)

    def test_features_have_the_promised_shape(self) -> None:
        """Features are finite floats of shape ``(batch, output_size)`` for any batch size and text length."""
        encoder = self.build()
        size = getattr(encoder, "output_size", None)
        require(isinstance(size, int) and size > 0, f"set self.output_size to a positive integer (it is {size!r}).")
        for lengths in (_LENGTHS, (1,), (3,), (400, 1)):
            features = encoder(*self._texts(lengths))
            shape, expected = tuple(features.shape), (len(lengths), size)
            require(shape == expected, f"features have shape {shape}; expected (batch, output_size) = {expected}.")
            require(features.is_floating_point(), f"features must be floats, not {features.dtype}.")
            _require_finite(features, f"texts of {lengths} tokens")

    def test_padding_does_not_change_features(self) -> None:
        """More padding behind a text changes nothing."""
        encoder = self.build()
        embedded, mask = self._texts()
        padded = encoder(functional.pad(embedded, (0, 0, 0, 6)), functional.pad(mask, (0, 6)))
        advice = "the features of a text change with the padding behind it. Mask every step that mixes or pools tokens."
        self._require_same(padded, encoder(embedded, mask), advice)

    def test_other_texts_do_not_change_features(self) -> None:
        """A text has the same features alone, in a batch, and at another place of the batch."""
        encoder = self.build()
        embedded, mask = self._texts()
        together = encoder(embedded, mask)
        advice = "Normalize, mask and pool within each text only, never over the batch."
        alone = [encoder(embedded[row : row + 1, :n], mask[row : row + 1, :n]) for row, n in enumerate(_LENGTHS)]
        self._require_same(torch.cat(alone), together, f"the features of a text depend on its batch. {advice}")
        turned = encoder(embedded.flip(0), mask.flip(0)).flip(0)
        self._require_same(turned, together, f"the features of a text depend on its place in the batch. {advice}")

    def test_encodes_unknown_and_empty_texts(self) -> None:
        """Texts of unknown words only (all vectors zero), down to one token, as which an empty text arrives."""
        encoder = self.build()
        for tokens in (1, 2, 6):
            mask = torch.ones(1, tokens, dtype=torch.bool)
            features = encoder(torch.zeros(1, tokens, self.input_size), mask)
            _require_finite(features, f"a text of {tokens} unknown token(s), whose vectors are all zero")

    def test_leaves_its_input_as_it_was(self) -> None:
        """The encoder writes neither into the embedded tokens nor into the mask."""
        embedded, mask = self._texts()
        before = embedded.clone(), mask.clone()
        self.build()(embedded, mask)
        unchanged = torch.equal(embedded, before[0]) and torch.equal(mask, before[1])
        require(unchanged, "the encoder writes into its input; use masked_fill instead of masked_fill_, and so on.")

    def test_saved_and_loaded_gives_the_same_features(self) -> None:
        """Parameters written as safetensors and loaded into a new encoder give the very same features."""
        encoder, other = self.build(seed=0), self.build(seed=1)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "encoder.safetensors"
            try:
                save_file({name: value.contiguous() for name, value in encoder.state_dict().items()}, path)
            except RuntimeError as error:
                raise AssertionError(f"the parameters cannot be saved as safetensors: {error}") from error
            other.load_state_dict(load_file(path))
        texts = self._texts()
        advice = "a loaded encoder answers differently: some state is neither a parameter nor a registered buffer."
        require(torch.equal(encoder(*texts), other(*texts)), advice)

    def test_same_seed_gives_the_same_encoder(self) -> None:
        """The seed alone decides the parameters, and in evaluation mode nothing is random."""
        first, second = self.build(seed=3), self.build(seed=3)
        texts = self._texts()
        advice = "two answers for the same texts differ in evaluation mode; switch dropout off there (nn.Dropout does)."
        require(torch.equal(first(*texts), first(*texts)), advice)
        advice = "two encoders built after one torch.manual_seed differ; draw every parameter from torch's generator."
        require(torch.equal(first(*texts), second(*texts)), advice)

    def test_gradient_reaches_every_parameter(self) -> None:
        """Training can change every parameter and the word vectors, and padding receives no gradient."""
        encoder = self.build().train()
        embedded, mask = self._texts()
        embedded.requires_grad_()
        with _seeded(1):
            features = encoder(embedded, mask)
            torch.autograd.backward((features * torch.randn_like(features)).sum())
        for name, parameter in encoder.named_parameters():
            reached = parameter.grad is not None and bool(parameter.grad.ne(0).any())
            unreached = f"no gradient reaches parameter '{name}': is it used in forward?"
            require(reached or not parameter.requires_grad, unreached)
        gradient = embedded.grad if embedded.grad is not None else torch.zeros_like(embedded)
        require(gradient.ne(0).any(), "no gradient reaches the embedded tokens: embeddings could not be fine-tuned.")
        require(not gradient[~mask].ne(0).any(), "padding receives a gradient, so it takes part in the answer.")

    def test_is_finite_under_bfloat16(self) -> None:
        """Forward and backward stay finite under bfloat16 autocast, on long texts too."""
        encoder = self.build().train()
        embedded, mask = self._texts((400, 3))
        embedded.requires_grad_()  # an encoder that only pools has no parameters of its own
        with _seeded(0), bfloat16_autocast():
            features = encoder(embedded, mask)
        _require_finite(features, "bfloat16 autocast (fill masked positions with torch.finfo(x.dtype).min)")
        torch.autograd.backward(features.float().sum())
        for name, parameter in encoder.named_parameters():
            if parameter.grad is not None:
                _require_finite(parameter.grad, f"bfloat16 autocast: the gradient of '{name}'")

    def test_overfits_eight_examples(self) -> None:
        """With a linear head on top it learns eight random texts by heart."""
        encoder = self.build().train()
        texts = self._texts()
        labels = torch.tensor([0, 1] * 4)
        with _seeded(0):
            head = nn.Linear(encoder.output_size, 2)
            optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=1e-2)
            for _ in range(100):
                optimizer.zero_grad()
                torch.autograd.backward(functional.cross_entropy(head(encoder(*texts)), labels))
                optimizer.step()
        right = int((head(encoder.eval()(*texts)).argmax(dim=1) == labels).sum())
        require(right == len(labels), f"after 100 steps on eight texts it gets {right} right; it does not learn.")

    def _options(self) -> EncoderConfig:
        require(hasattr(self, "encoder"), f"{type(self).__name__} must set `encoder = YourEncoder`.")
        return self.encoder.Config.model_validate(copy.deepcopy(dict(self.config)))

    def _texts(self, lengths: tuple[int, ...] = _LENGTHS) -> tuple[Tensor, Tensor]:
        mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
        with _seeded(7):
            embedded = torch.randn(len(lengths), max(lengths), self.input_size)
        return embedded * mask.unsqueeze(-1), mask

    def _require_same(self, features: Tensor, expected: Tensor, message: str) -> None:
        distance = float((features - expected).detach().abs().max())
        require(distance <= self.tolerance, f"{message} (largest difference {distance:.2g})")


@contextlib.contextmanager
def bfloat16_autocast() -> Iterator[None]:
    """bfloat16 autocast on any CPU: one without the instructions uses torch's own kernels.

    oneDNN's LSTM refuses to run there; with torch's, numbers are as short and take longer.
    """
    onednn: Any = torch.backends.mkldnn  # a module that its own type stubs describe only in part
    before = onednn.enabled
    onednn.enabled = before and has_bfloat16(torch.device("cpu"))
    try:
        with torch.autocast("cpu", torch.bfloat16):
            yield
    finally:
        onednn.enabled = before


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    # The author's other tests keep the random numbers they would have had.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _require_finite(values: Tensor, where: str) -> None:
    require(values.isfinite().all(), f"NaN or infinite values for {where}.")


def require(condition: object, message: str) -> None:
    """Fails a check with a message for the author of the plugin."""
    if not condition:
        raise AssertionError(message)


def require_documented_options(config: type[EncoderConfig]) -> None:
    """Every option has a default and a description."""
    for name, field in config.model_fields.items():
        require(not field.is_required(), f"option '{name}' has no default; a recipe may leave any option out.")
        require(field.description, f"option '{name}' has no description: use Field(default, description=...).")
