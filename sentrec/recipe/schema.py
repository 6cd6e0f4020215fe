"""The schema of a recipe: sections that are checked together before any data is read."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from sentrec.hookspecs import NGRAMS
from sentrec.recipe.sections import (
    NGRAMS_TEACHER,
    DataConfig,
    GloveConfig,
    InitConfig,
    ModelConfig,
    ObjectiveConfig,
    Section,
    TextConfig,
    TrainingConfig,
)


def names_no_encoder(encoder: Any) -> bool:
    """Whether a recipe's ``encoder:`` says that there is none: ``ngrams``, ``{name: ngrams}`` or ``null``."""
    return encoder in (None, NGRAMS) or (isinstance(encoder, Mapping) and encoder.get("name") == NGRAMS)


def _as_init(value: Any) -> Any:
    return {"run": value} if isinstance(value, str | int) else value


class Recipe(Section):
    """One experiment, fully stated."""

    name: str = Field("unnamed", min_length=1, description="Names the run directory.")
    description: str = Field("", description="One line on what the experiment shows.")
    seed: int = Field(
        1, ge=0, lt=2**32, description="Seed of the weights, dropout and order; `--seeds N` counts up from it."
    )
    task: Literal["classify", "rate"] = Field(
        "classify", description="Predict a class, or rate: a number, the column data.target."
    )
    init: Annotated[InitConfig | None, BeforeValidator(_as_init)] = Field(
        None, description="A trained model to go on from, e.g. `starter`, which decides text, encoder and model."
    )
    data: DataConfig = DataConfig()
    text: TextConfig = TextConfig()
    glove: GloveConfig | None = Field(GloveConfig(), description="Pretrained vectors; null: learn from scratch.")
    encoder: dict[str, Any] = Field(
        description="`name` and that encoder's own options; `ngrams`: no encoder, the n-grams of `model.ngrams` alone."
    )
    model: ModelConfig = ModelConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    training: TrainingConfig = TrainingConfig()

    @model_validator(mode="before")
    @classmethod
    def _without_encoder_ngrams_are_all(cls, tree: Any) -> Any:
        if not isinstance(tree, Mapping) or not names_no_encoder(tree.get("encoder", {})):
            return tree
        filled: dict[str, Any] = {"glove": None, **tree}
        if not isinstance(tree.get("encoder"), Mapping):
            filled["encoder"] = {"name": NGRAMS}
        if isinstance(model := tree.get("model", {}), Mapping):
            filled["model"] = {"ngrams": {}, **model}
        return filled

    @model_validator(mode="after")
    def _ngrams_alone_need_nothing_else(self) -> "Recipe":
        if self.encoder.get("name") != NGRAMS:
            return self
        if self.encoder_options:
            raise ValueError(f"{NGRAMS} has no options of its own; those of its n-grams are in model.ngrams")
        if self.glove is not None:
            raise ValueError(f"{NGRAMS} reads no word vectors: set glove: null")
        if self.model.ngrams is None:
            raise ValueError(f"{NGRAMS} consists of its n-grams: model.ngrams cannot be null")
        if self.objective != ObjectiveConfig():
            raise ValueError(f"{NGRAMS} is fitted in closed form, from labels alone: leave objective out")
        return self

    @model_validator(mode="before")
    @classmethod
    def _facts_have_a_head(cls, tree: Any) -> Any:
        data, model = (tree.get(part, {}) for part in ("data", "model")) if isinstance(tree, Mapping) else ({}, {})
        has_facts = isinstance(data, Mapping) and data.get("facts") is not None
        if has_facts and isinstance(model, Mapping) and model.get("boosting") is None:
            return {**tree, "model": {**model, "boosting": {}}}
        return tree

    @model_validator(mode="after")
    def _a_task_has_its_target(self) -> "Recipe":
        data = self.data
        if (self.task == "rate") != (data.target is not None):
            raise ValueError("task: rate predicts the numbers of a column that data.target names: state both, or none")
        if self.task == "classify" and (data.scale, data.votes, data.facts, data.test_from) != (None,) * 4:
            raise ValueError("data.scale, votes, facts and test_from belong to task: rate")
        labels = (data.label_column, data.label_map, data.label_names, data.rating_column)
        if self.task == "rate" and (any(labels) or data.mixed_with or self.init is not None):
            raise ValueError("task: rate learns from data.target alone: leave labels, ratings, mixed_with and init out")
        if self.task == "rate" and self.objective != ObjectiveConfig():
            raise ValueError("task: rate has an objective of its own: leave objective out")
        if self.task == "rate" and self.training.balance:
            raise ValueError("training.balance is for classes, and task: rate predicts numbers: leave it out")
        if (data.facts is None) != (self.model.boosting is None):
            raise ValueError("model.boosting is the head over facts: state data.facts, too")
        if data.facts and (data.validation, data.test, data.group_column, data.unlabelled) != (None,) * 4:
            raise ValueError("facts are cross-validated on all rows: leave data.validation, test and the like out")
        return self

    @model_validator(mode="after")
    def _ngrams_are_read_where_the_encoder_reads(self) -> "Recipe":
        ngrams, most = self.model.ngrams, self.text.max_tokens
        if ngrams is not None and ngrams.max_tokens is not None and ngrams.max_tokens < most:
            raise ValueError(f"model.ngrams.max_tokens: {ngrams.max_tokens} is less than text.max_tokens: {most}")
        return self

    @model_validator(mode="after")
    def _unlabelled_texts_have_a_use(self) -> "Recipe":
        if self.objective.distil and self.data.unlabelled is None:
            raise ValueError("objective.distil needs texts to label: state data.unlabelled")
        ngrams = self.model.ngrams
        by_ngrams = ngrams is not None and (ngrams.lsa is not None or self.init is not None)
        if self.data.unlabelled is not None and not (self.objective.distil or by_ngrams):
            raise ValueError(
                "data.unlabelled is learned from by n-grams, and the model that init names has none: name another, "
                "state model.ngrams, or leave data.unlabelled out"
                if self.init is not None
                else "data.unlabelled is read only for objective.distil, for model.ngrams.lsa, and by "
                "the n-grams of a model that init names: state one of them"
            )
        if self.objective.teacher == NGRAMS_TEACHER and ngrams is None:
            raise ValueError("objective.teacher: ngrams needs n-grams in the model: state model.ngrams")
        if ngrams is not None and ngrams.pseudo_labels and self.objective.teacher in (None, NGRAMS_TEACHER):
            raise ValueError(
                "model.ngrams.pseudo_labels: n-grams need another that labels texts: state objective.teacher: RUN"
            )
        return self

    @model_validator(mode="after")
    def _stars_have_a_column_and_a_share(self) -> "Recipe":
        if bool(self.objective.ratings) != (self.data.rating_column is not None):
            raise ValueError(
                "data.rating_column names stars, and objective.ratings says how much they count: state both, or none"
            )
        if self.objective.ratings and self.training.label_smoothing:
            raise ValueError("training.label_smoothing has no effect beside objective.ratings: leave one of them out")
        return self

    @model_validator(mode="after")
    def _the_star_head_learns_by_gradients(self) -> "Recipe":
        if self.objective.stars and self.init is not None:
            raise ValueError("objective.stars is learned by gradients, and init goes on without: leave one of them out")
        return self

    @model_validator(mode="after")
    def _embeddings_thaw_within_the_training(self) -> "Recipe":
        thaws = self.model.unfreeze_epoch
        if thaws and self.model.embeddings == "frozen":
            raise ValueError("model.unfreeze_epoch has no meaning with model.embeddings: frozen")
        if thaws >= self.training.epochs:
            raise ValueError(
                f"model.unfreeze_epoch: {thaws} would never come with training.epochs: {self.training.epochs}; "
                f"state model.embeddings: frozen if that is meant"
            )
        return self

    @property
    def tokens_read(self) -> int:
        """Longest text in tokens: what the n-grams are read from; the encoder reads `text.max_tokens` of it."""
        ngrams = self.model.ngrams
        return self.text.max_tokens if ngrams is None or ngrams.max_tokens is None else ngrams.max_tokens

    @property
    def encoder_name(self) -> str:
        """The registered name of the encoder or of the kind of model."""
        return str(self.encoder["name"])

    @property
    def encoder_options(self) -> dict[str, Any]:
        """The encoder's own options, without its name."""
        return {key: value for key, value in self.encoder.items() if key != "name"}
