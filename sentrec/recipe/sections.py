"""The sections of a recipe: every field documented, defaulted and checked."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator


def _as_list(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _with_text_keys(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {str(key).lower() if isinstance(key, bool) else str(key): meaning for key, meaning in value.items()}


NGRAMS_TEACHER = "ngrams"
"""The teacher that is the model's own n-grams."""
ColumnNames = Annotated[tuple[str, ...], BeforeValidator(_as_list)]
"""Names of columns, or other names; a single one may be given as it is."""
LabelMap = Annotated[dict[str, str | None], BeforeValidator(_with_text_keys)]
"""What each label means; numbers and truth values may be written as they are."""


class Section(BaseModel):
    """A part of a recipe: frozen, and strict about names it does not know."""

    # A name that consists of digits, such as a run called 2024, is read as a number and is meant as text.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, coerce_numbers_to_str=True)


class MixedConfig(Section):
    """Another dataset whose rows are learned from, too."""

    dataset: str = Field(min_length=1, description="A named dataset, a folder of SENTREC_DATA, or a file.")
    train: str = Field("train", description="Its split, or a file.")
    text_columns: ColumnNames | None = Field(None, min_length=1, description="As data.text_columns.")
    label_column: str | None = Field(None, description="As data.label_column.")
    label_map: LabelMap | Literal["stars"] | None = Field(None, description="As data.label_map.")
    most_per_class: int | None = Field(None, ge=1, description="Use only so many rows of each class, drawn at random.")
    stars_column: str | None = Field(None, description="As data.stars_column.")
    neutral: str | None = Field(None, description="The label of texts between the classes, for objective.stars.")


class DataConfig(Section):
    """Which texts to learn from, and which to judge by."""

    dataset: str = Field("imdb", min_length=1, description="A named dataset, a folder of SENTREC_DATA, or a file.")
    train: str = Field("train", description="Split to train on, or a file.")
    validation: float | str | None = Field(
        None, description="Split or file to select models on, or a share of train; none: the dataset's own, else 0.1."
    )
    test: float | str | None = Field(
        None, description="Split or file for the final metrics, or a share of train; none: the dataset's own, else 0.2."
    )
    text_columns: ColumnNames | None = Field(None, min_length=1, description="Columns of the text; none: as known.")
    label_column: str | None = Field(None, description="Column of the label; none: as known, else `label`.")
    label_names: tuple[str, ...] | None = Field(
        None, min_length=2, description="Classes in the order of their numbers."
    )
    label_map: LabelMap | Literal["stars"] | None = Field(
        None, description="The class of each label, others left out: {1: bad, 5: good}; stars: by thirds of a scale."
    )
    encoding: str | None = Field(None, description="Encoding of text files; none: as their bytes tell.")
    target: str | None = Field(
        None, min_length=1, description="Column of the number that `task: rate` predicts, e.g. stars or vote_average."
    )
    scale: tuple[float, float] | None = Field(
        None, description="The lowest and the highest target there can be; none: those of the training rows."
    )
    votes: str | None = Field(
        None,
        min_length=1,
        description="Column of how many votes a target is the mean of: few count less, rows without any are left out.",
    )
    facts: Literal["pre-release", "all"] | None = Field(
        None, description="Rate by the facts in a table: those known before release, or all; none: by texts alone."
    )
    test_from: str | None = Field(
        None, description="Date that divides rows for `evaluate --split-by time`; none: before the last part of them."
    )
    rating_column: str | None = Field(
        None, min_length=1, description="Column of the stars that came with a text, to learn from beside its label."
    )
    group_column: str | None = Field(
        None, min_length=1, description="Column of groups, e.g. films: parts held out of train share no group with it."
    )
    stars_column: str | None = Field(
        None, min_length=1, description="Column of 1 to 5 or 1 to 10 stars, which objective.stars learns from."
    )
    mixed_with: tuple[MixedConfig, ...] = Field(
        (), description="More datasets of the same classes: their rows join train before validation is held out."
    )
    train_rows: int | None = Field(None, ge=2, description="Use only so many training rows, stratified by label.")
    unlabelled: ColumnNames | None = Field(
        None, min_length=1, description="Splits, files or other datasets of texts to learn from without labels."
    )
    split_seed: int = Field(
        1, ge=0, lt=2**32, description="Seed of the splits; apart from `seed`, so that all seeds share rows."
    )
    bad_rows: Literal["error", "skip"] = Field("error", description="Rows without text or label: stop, or leave out.")

    @field_validator("label_names")
    @classmethod
    def _class_names_differ(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if names is not None and len(set(names)) < len(names):
            raise ValueError("a class is named twice")
        return names

    @model_validator(mode="after")
    def _shares_leave_rows_to_train_on(self) -> "DataConfig":
        shares = [share for share in (self.validation, self.test) if isinstance(share, float)]
        if any(not 0.0 < share < 1.0 for share in shares) or sum(shares) >= 1.0:
            raise ValueError("shares must lie between 0 and 1 and leave rows to train on")
        return self

    @model_validator(mode="after")
    def _scale_ascends(self) -> "DataConfig":
        if self.scale is not None and not self.scale[0] < self.scale[1]:
            raise ValueError("scale: the lowest target comes first, e.g. [0, 10]")
        return self


class TextConfig(Section):
    """How text becomes token ids."""

    max_tokens: int = Field(400, ge=1, description="Longest text in tokens; longer ones are cut.")
    keep: Literal["head", "tail", "head-tail"] = Field("head", description="Which part of a longer text is kept.")
    lowercase: bool | None = Field(None, description="Fold case; none: as the GloVe vectors do (840B is cased).")
    vocabulary_size: int = Field(50_000, ge=4, description="Most words to keep, the most frequent first.")
    min_frequency: int = Field(2, ge=1, description="A word without a GloVe vector must occur so often in all texts.")


class GloveConfig(Section):
    """Which pretrained vectors the embeddings start from."""

    name: str = Field("6B", description="6B, 42B, 840B, twitter.27B, or a name given to `sentrec fetch-glove --name`.")
    dim: int = Field(50, ge=1, description="Dimension of the vectors.")


class NgramsConfig(Section):
    """A linear model over n-grams, beside the encoder or alone."""

    max_n: int = Field(3, ge=1, le=5, description="Longest n-gram, in tokens.")
    table_bits: int = Field(22, ge=8, le=24, description="The table has two to the power of so many weights.")
    max_tokens: int | None = Field(
        None, ge=1, description="Longest text in tokens, for n-grams alone; none: as text.max_tokens, which it exceeds."
    )
    length_power: float = Field(
        0.5, ge=0.0, le=1.0, description="A text's sum of weights is divided by its n-grams' number to this power."
    )
    intercept: Literal["fitted", "prior"] = Field(
        "fitted", description="What is added; prior: what the classes' shares say, which suits texts of all lengths."
    )
    crops: int | None = Field(None, ge=1, description="Also learn from the first and the last so many tokens of texts.")
    lsa: int | None = Field(
        None,
        ge=1,
        description="Dimensions of latent semantic analysis of all texts, unlabelled ones too; none: without.",
    )
    pseudo_labels: bool = Field(
        False, description="Also learn from unlabelled texts with the teacher's labels: objective.teacher is a run."
    )


class BoostingConfig(Section):
    """Boosted trees over facts, and a Gaussian process beside them."""

    trees: int = Field(800, ge=1, le=10_000, description="How many trees.")
    bags: int = Field(2, ge=1, le=100, description="So many sets of trees, of other draws of features, are averaged.")
    kernel: float = Field(0.35, ge=0.0, le=1.0, description="Share of the prediction that is the Gaussian process's.")
    learning_rate: float = Field(0.02, gt=0.0, le=1.0, description="How much of each tree is added.")
    leaves: int = Field(16, ge=2, description="Most leaves of a tree.")
    rows_per_leaf: int = Field(20, ge=1, description="Fewest training rows of a leaf.")
    l2: float = Field(10.0, ge=0.0, description="Shrinks the values of leaves.")
    features: float = Field(0.1, gt=0.0, le=1.0, description="Share of the features that a split may ask for.")
    folds: int = Field(8, ge=2, description="Names are learned of by so many parts, intervals by at most four.")


class ModelConfig(Section):
    """The parts that every encoder shares: embeddings, dropout, head."""

    embedding_dim: int = Field(100, ge=1, description="Width of embeddings learned from scratch (with `glove: null`).")
    embeddings: Literal["fine-tuned", "frozen"] = Field("fine-tuned", description="Whether training moves embeddings.")
    unfreeze_epoch: int = Field(0, ge=0, description="Epochs for which fine-tuned embeddings stay as they started.")
    word_dropout: float = Field(0.0, ge=0.0, lt=1.0, description="Share of words replaced by the unknown word.")
    embedding_dropout: float = Field(0.2, ge=0.0, lt=1.0, description="Share of embedding dimensions dropped per text.")
    output_dropout: float = Field(0.3, ge=0.0, lt=1.0, description="Share of features dropped before the head.")
    ngrams: NgramsConfig | None = Field(None, description="A linear n-gram model stacked on the encoder; null: none.")
    boosting: BoostingConfig | None = Field(None, description="The head over facts, where data.facts names some.")


class SentencesConfig(Section):
    """Sentences of the texts that are learned from, with labels of a teacher of their own."""

    teacher: str = Field(min_length=1, description="What labels them: a run.")
    most: int = Field(100_000, ge=1, description="How many are drawn at random.")


class ObjectiveConfig(Section):
    """What training minimises beside the cross-entropy of the labels."""

    distil: float = Field(
        0.0, ge=0.0, description="Weight of distillation: cross-entropy of unlabelled texts against the teacher."
    )
    teacher: str | None = Field(None, min_length=1, description="What labels them: `ngrams` of this model, or a run.")
    ratings: float = Field(
        0.0, ge=0.0, le=1.0, description="Share of the target that a text's stars decide; its label decides the rest."
    )
    sentences: SentencesConfig | None = Field(
        None, description="Also distil sentences, by a teacher that knows short texts better; null: none."
    )
    stars: float = Field(
        0.0, ge=0.0, description="Weight of the star head, which tells one to five stars beside the classes; 0: none."
    )
    unlabelled_tokens: int = Field(32_000, ge=1, description="Most tokens of unlabelled texts in a step.")

    @model_validator(mode="after")
    def _a_teacher_is_heard(self) -> "ObjectiveConfig":
        if bool(self.distil) != (self.teacher is not None):
            raise ValueError("distil and teacher go together: state both, or none")
        if self.sentences and (not self.distil or self.teacher == NGRAMS_TEACHER):
            raise ValueError("sentences are distilled beside other texts: state distil, and a run as teacher")
        return self


class TrainingConfig(Section):
    """How the model is fitted."""

    epochs: int = Field(3, ge=1, le=10_000, description="Passes over the training rows.")
    batch_size: int = Field(128, ge=1, description="Most texts in a batch.")
    batch_tokens: int = Field(32_000, ge=1, description="Most tokens in a batch, padding included.")
    learning_rate: float = Field(3e-3, gt=0.0, description="Peak learning rate of AdamW.")
    embedding_learning_rate: float | None = Field(None, gt=0.0, description="Peak rate of embeddings; none: as all.")
    schedule: Literal["cosine", "linear", "constant"] = Field("cosine", description="Decay after the warm-up.")
    warmup: float = Field(0.1, ge=0.0, le=1.0, description="Share of the steps in which the learning rate rises.")
    weight_decay: float = Field(0.01, ge=0.0, description="Decoupled weight decay of the weight matrices.")
    clip_norm: float = Field(1.0, gt=0.0, description="Longest gradient; longer ones are scaled down to it.")
    label_smoothing: float = Field(0.0, ge=0.0, lt=1.0, description="Share of the target spread over all classes.")
    balance: bool = Field(
        False, description="Decide for rare classes more often, so that the mean F1 of the classes becomes highest."
    )
    max_steps: int | None = Field(None, ge=1, description="Stop after so many steps, e.g. to try a recipe out.")
    validations_per_epoch: int = Field(1, ge=1, description="How often an epoch is validated.")
    patience: int = Field(3, ge=1, description="Stop after so many validations in a row without a better one.")
    precision: Literal["auto", "bfloat16", "float32"] = Field(
        "auto", description="Arithmetic of training; auto: bfloat16 where the processor has it."
    )
    device: Literal["auto", "cpu"] = Field("auto", description="auto: CUDA, else MPS, else CPU.")
    checkpoint_seconds: float = Field(60.0, ge=0.0, description="Seconds between checkpoints, besides validations.")
    trackers: tuple[str, ...] = Field(
        (), description="Also report to these: tensorboard, mlflow, wandb ... (each a package of its own)."
    )


class InitConfig(Section):
    """A trained model to go on from."""

    run: str = Field(description="A finished run's directory, or a model that comes with sentrec: `starter`.")
    labels: dict[str, str] = Field(
        {}, description="What it calls your classes, e.g. `{bad: negative, good: positive}`; none: the same."
    )
