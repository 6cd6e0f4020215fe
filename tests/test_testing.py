"""The conformance kit catches broken encoders: one deliberate fault for each check, and it says which."""

from collections.abc import Callable
from typing import Any, Literal

import pytest
import torch
from pydantic import ConfigDict, Field
from sentrec_plugins.bilstm import BiLSTM
from torch import Tensor, nn
from torch.nn import functional

from sentrec import Encoder, EncoderConfig
from sentrec.testing import EncoderConformance

CHECKS = sorted(name for name in dir(EncoderConformance) if name.startswith("test_"))


class Options(EncoderConfig):
    """Options of the sound encoder."""

    width: int = Field(6, description="Width of the features.")


class Sound(Encoder):
    """The mean of projected tokens: small, and right."""

    Config = Options

    def __init__(self, config: Options, input_size: int) -> None:
        super().__init__(config, input_size)
        self.linear = nn.Linear(input_size, config.width)
        self.output_size = config.width

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        projected = self.linear(embedded).tanh() * mask.unsqueeze(-1)
        return projected.sum(dim=1) / mask.sum(dim=1, keepdim=True)


class NoSummary(Sound):
    pass


class WithoutDefault(Sound):
    """An option has no default."""

    class Config(Options):
        depth: int = Field(description="Layers.")


class WithoutDescription(Sound):
    """An option has no description."""

    class Config(Options):
        depth: int = 1


class OptionCalledName(Sound):
    """An option hides the encoder's own name."""

    class Config(Options):
        name: str = Field("mean", description="Which mean.")


class LenientOptions(Sound):
    """Unknown options pass."""

    class Config(Options):
        model_config = ConfigDict(extra="ignore")


class ForgetfulOptions(Sound):
    """An option is not written out."""

    class Config(Options):
        activation: Literal["tanh", "relu"] = Field("relu", exclude=True, description="Activation function.")


class WrongSize(Sound):
    """Promises more features than it gives."""

    def __init__(self, config: Options, input_size: int) -> None:
        super().__init__(config, input_size)
        self.output_size = config.width + 1


class NoSize(Sound):
    """Promises nothing."""

    def __init__(self, config: Options, input_size: int) -> None:
        super().__init__(config, input_size)
        del self.output_size


class IntegerFeatures(Sound):
    """Features are whole numbers."""

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        return super().forward(embedded, mask).long()


class CountsPadding(Sound):
    """The mean divides by the padded length."""

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        return self.linear(embedded).mean(dim=1)


class CentersBatch(Sound):
    """Features are relative to the batch."""

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        features = super().forward(embedded, mask)
        return features - features.mean(dim=0)


class KnowsItsRow(Sound):
    """Only the place in the batch matters."""

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        return super().forward(embedded, mask) + torch.arange(len(mask)).unsqueeze(1) * 1e-3


class DividesByNorm(Sound):
    """The zero vector has no direction."""

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        padded = embedded + (~mask).unsqueeze(-1)
        return super().forward(padded / padded.norm(dim=-1, keepdim=True), mask)


class WritesIntoInput(Sound):
    """Scales the embedded tokens in place."""

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        features = super().forward(embedded, mask)
        embedded.data.mul_(2)
        return features


class HiddenState(Sound):
    """A tensor of the model is neither parameter nor buffer."""

    def __init__(self, config: Options, input_size: int) -> None:
        super().__init__(config, input_size)
        self.offset = torch.randn(config.width)

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        return super().forward(embedded, mask) + self.offset


class SharedMemory(Sound):
    """Two names for one parameter, which safetensors refuses."""

    def __init__(self, config: Options, input_size: int) -> None:
        super().__init__(config, input_size)
        self.twin = self.linear


class OwnRandomness(Sound):
    """Draws from a generator that no seed reaches."""

    def __init__(self, config: Options, input_size: int) -> None:
        super().__init__(config, input_size)
        generator = torch.Generator()
        generator.seed()
        nn.init.normal_(self.linear.weight, generator=generator)


class AlwaysDropsOut(Sound):
    """Dropout that evaluation does not switch off."""

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        return functional.dropout(super().forward(embedded, mask), 0.5, training=True)


class UnusedParameter(Sound):
    """A layer takes no part."""

    def __init__(self, config: Options, input_size: int) -> None:
        super().__init__(config, input_size)
        self.idle = nn.Linear(2, 2)


class DetachesInput(Sound):
    """The word vectors get no gradient."""

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        return super().forward(embedded.detach(), mask)


class LearnsFromPadding(Sound):
    """A gradient flows into padding through a value too small to see."""

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        return super().forward(embedded, mask) + embedded.sum(dim=(1, 2), keepdim=True).squeeze(-1) * 1e-3


class OverflowsInHalfPrecision(Sound):
    """Fine in float32, infinite where autocast computes with fewer digits."""

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        projected = self.linear(embedded)
        scale = float("inf") if projected.dtype == torch.bfloat16 else 1.0
        return super().forward(embedded, mask) * scale


class CannotLearn(Sound):
    """The gradient reaches everything and moves next to nothing."""

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        features = super().forward(embedded, mask)
        return features.detach() * 0 + features * 1e-9


def kit(faulty: type[Encoder], **options: Any) -> EncoderConformance:
    """The kit for an encoder, as a plugin author would write it."""
    made: EncoderConformance = type("Kit", (EncoderConformance,), {"encoder": faulty, "config": options})()
    return made


@pytest.mark.parametrize("check", CHECKS)
def test_a_sound_encoder_passes(check: str) -> None:
    getattr(kit(Sound), check)()


@pytest.mark.parametrize(
    ("faulty", "check", "says"),
    [
        (NoSummary, "test_is_an_encoder_with_a_summary", "no docstring"),
        (nn.Linear, "test_is_an_encoder_with_a_summary", "subclass of sentrec.Encoder"),
        (WithoutDefault, "test_options_are_documented_and_have_defaults", "'depth' has no default"),
        (WithoutDescription, "test_options_are_documented_and_have_defaults", "'depth' has no description"),
        (OptionCalledName, "test_options_are_documented_and_have_defaults", "cannot be called 'name'"),
        (LenientOptions, "test_options_are_documented_and_have_defaults", "accepts unknown options"),
        (WrongSize, "test_features_have_the_promised_shape", r"\(8, 6\); expected .* \(8, 7\)"),
        (NoSize, "test_features_have_the_promised_shape", "set self.output_size"),
        (IntegerFeatures, "test_features_have_the_promised_shape", "must be floats"),
        (DividesByNorm, "test_encodes_unknown_and_empty_texts", "vectors are all zero"),
        (CountsPadding, "test_padding_does_not_change_features", "change with the padding"),
        (CentersBatch, "test_other_texts_do_not_change_features", "depend on its batch"),
        (KnowsItsRow, "test_other_texts_do_not_change_features", "depend on its batch"),
        (WritesIntoInput, "test_leaves_its_input_as_it_was", "writes into its input"),
        (HiddenState, "test_saved_and_loaded_gives_the_same_features", "neither a parameter nor a registered buffer"),
        (SharedMemory, "test_saved_and_loaded_gives_the_same_features", "cannot be saved as safetensors"),
        (OwnRandomness, "test_same_seed_gives_the_same_encoder", "torch's generator"),
        (AlwaysDropsOut, "test_same_seed_gives_the_same_encoder", "evaluation mode"),
        (UnusedParameter, "test_gradient_reaches_every_parameter", "'idle.weight'"),
        (DetachesInput, "test_gradient_reaches_every_parameter", "could not be fine-tuned"),
        (LearnsFromPadding, "test_gradient_reaches_every_parameter", "padding receives a gradient"),
        (OverflowsInHalfPrecision, "test_is_finite_under_bfloat16", "NaN or infinite"),
        (CannotLearn, "test_overfits_eight_examples", "does not learn"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_check_catches_its_fault(faulty: type[Encoder], check: str, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        getattr(kit(faulty), check)()


@pytest.mark.parametrize("encoder", [BiLSTM, Sound])
def test_bfloat16_is_checked_on_a_processor_without_it_too(
    encoder: type[Encoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentrec.testing.encoders.has_bfloat16", lambda device: False)
    before = torch.backends.mkldnn.enabled
    kit(encoder).test_is_finite_under_bfloat16()
    with pytest.raises(AssertionError, match="NaN or infinite"):
        kit(OverflowsInHalfPrecision).test_is_finite_under_bfloat16()
    assert torch.backends.mkldnn.enabled == before


def test_options_that_are_not_written_out_are_caught() -> None:
    with pytest.raises(AssertionError, match="not the same after JSON"):
        kit(ForgetfulOptions, activation="tanh").test_config_survives_json_and_yaml()


def test_a_kit_without_an_encoder_says_so() -> None:
    with pytest.raises(AssertionError, match="must set `encoder = YourEncoder`"):
        EncoderConformance().build()


@pytest.mark.parametrize("draw", [torch.rand, torch.randn])
def test_the_kit_leaves_the_random_numbers_of_other_tests_alone(draw: Callable[[int], Tensor]) -> None:
    torch.manual_seed(5)
    expected = draw(3)
    torch.manual_seed(5)
    kit(Sound).test_overfits_eight_examples()
    assert draw(3).equal(expected)


def test_the_kit_needs_no_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib
    import sys

    import sentrec.testing

    monkeypatch.setitem(sys.modules, "pytest", None)
    importlib.reload(sentrec.testing)
