"""What requests may hold and what answers hold: the models that validate them and that OpenAPI shows."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sentrec.inference.prediction import UNSURE_MARGIN

MOST_TEXTS = 256
"""Texts of one request."""
MOST_EXPLAINED = 16
"""Texts of one request that are explained: one takes as long as a hundred that are not."""
MOST_CHARACTERS = 100_000
"""Of one text: what a model reads of it, see `sentrec.text.encoding`."""
MOST_REVIEWS = 5000
"""Reviews of one request."""
MOST_BYTES = 8_000_000
"""Of the body of a request."""

_Text = Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS, pattern=r"\S")]
_Name = Annotated[str, Field(min_length=1, max_length=1000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PredictRequest(_Strict):
    """One text, or several."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"text": "A warm, funny film."},
                {"texts": ["A warm, funny film.", "I want those two hours back."], "model": "starter"},
            ]
        }
    )

    text: _Text | None = Field(None, description="One text; else give texts.")
    texts: list[_Text] | None = Field(None, min_length=1, max_length=MOST_TEXTS, description="Several texts.")
    model: _Name | None = Field(None, description="A name of /models; else the first of them.")
    classes: Literal[2, 3, 5] | None = Field(
        None, description="Answer in 2 classes, in 3 with neutral, or in one to five stars; else in the model's own."
    )
    explain: bool = Field(False, description=f"Whether to say which words decided; of {MOST_EXPLAINED} texts at most.")

    @model_validator(mode="after")
    def _one_of_both(self) -> "PredictRequest":
        if (self.text is None) == (self.texts is None):
            raise ValueError("give either text or texts")
        if self.explain and len(self.all_texts) > MOST_EXPLAINED:
            raise ValueError(f"{MOST_EXPLAINED} texts are explained at most")
        if self.explain and self.classes in (3, 5):
            raise ValueError("words are told for the model's own classes: leave explain or classes out")
        return self

    @property
    def all_texts(self) -> list[str]:
        """The texts, whether there is one or several."""
        return [self.text] if self.text is not None else self.texts or []


class Predicted(BaseModel):
    """What a model says of one text."""

    label: str = Field(description="The likeliest class.")
    probability: float = Field(description="Its calibrated probability.")
    probabilities: dict[str, float] = Field(description="The calibrated probability of every class.")
    stars: float | None = Field(None, description="The expected number of stars, 1 to 5, of models that tell them.")
    unsure: bool = Field(description=f"Whether the probability is less than {UNSURE_MARGIN} above chance.")
    explanation: dict[str, Any] | None = Field(
        None, description="What each token and sentence adds to the log-odds, with its place in `text` in characters."
    )


class PredictResponse(BaseModel):
    """One prediction a text, in their order."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "starter",
                    "predictions": [
                        {
                            "label": "positive",
                            "probability": 0.98,
                            "probabilities": {"negative": 0.02, "positive": 0.98},
                            "stars": 4.7,
                            "unsure": False,
                        }
                    ],
                }
            ]
        }
    )

    model: str
    predictions: list[Predicted]


class Review(_Strict):
    """One review of an item."""

    item: _Name = Field(description="What it is about.")
    text: _Text
    id: _Name | None = Field(None, description="The review's own name.")
    rating: float | None = Field(None, ge=-1e9, le=1e9, description="Stars, shown beside the score.")
    user: _Name | None = Field(None, description="Who wrote it; equal texts of two users are no copies.")


class RankRequest(_Strict):
    """Reviews, and what the ranking is to be."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "reviews": [
                        {"item": "Robot Summer", "text": "I loved every second of it."},
                        {"item": "Concrete Orchard", "text": "Two hours that I want back."},
                    ],
                    "min_reviews": 1,
                }
            ]
        }
    )

    reviews: list[Review] = Field(min_length=1, max_length=MOST_REVIEWS)
    model: _Name | None = Field(None, description="A name of /models; else the first of them.")
    positive: _Name | None = Field(None, description="The class that means liked, if not positive.")
    top: int = Field(20, ge=1, le=MOST_REVIEWS, description="Items of the ranking at most.")
    min_reviews: int = Field(3, ge=1, le=MOST_REVIEWS, description="Fewest reviews of an item.")
    sort: Literal["score", "lower-bound", "mean"] = "score"
    like: _Name | None = Field(None, description="Only items that are written about like this one.")
    exclude: list[_Name] = Field(default_factory=list, max_length=MOST_REVIEWS, description="Items to leave out.")
    diverse: bool = Field(False, description="Whether to prefer items unlike those above them.")


class RankResponse(BaseModel):
    """The ranking, the best first; an item has the fields of a line of `sentrec recommend --json`."""

    model: str
    items: list[dict[str, Any]]
    summary: dict[str, Any] = Field(description="How many items, reviews and exact repetitions there were.")


class RecommendRequest(_Strict):
    """A user of the ratings, or films that somebody likes, or both."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"likes": ["Alien", "Heat (1995)"], "top": 5}]})

    user: _Name | None = Field(None, description="Of the ratings.")
    likes: list[_Name] = Field(default_factory=list, max_length=1000, description="Titles, or keys of the ratings.")
    top: int = Field(20, ge=1, le=1000, description="Films of the list at most.")
    min_ratings: int = Field(0, ge=0, description="Fewest ratings of a film.")
    genres: list[_Name] = Field(default_factory=list, max_length=100, description="Only films of one of these.")
    exclude: list[_Name] = Field(default_factory=list, max_length=MOST_REVIEWS, description="Films to leave out.")
    diverse: bool = Field(False, description="Whether to prefer films unlike those above them.")

    @model_validator(mode="after")
    def _somebody(self) -> "RecommendRequest":
        if self.user is None and not self.likes:
            raise ValueError("give a user, or likes")
        return self


class RecommendResponse(BaseModel):
    """The list, the best first; a film has the fields of a line of `sentrec recommend --ratings --json`."""

    films: list[dict[str, Any]]
    known_user: bool | None = Field(description="Whether the ratings hold the user, if one was named.")


class ServedModel(BaseModel):
    """A model that answers."""

    name: str = Field(description="What to call it in a request.")
    labels: list[str]
    recipe: str
    accuracy: float | None = Field(description="On its own test rows, where its metrics tell.")


class Status(BaseModel):
    """How the server is."""

    status: str


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field(description="What kind of problem, as a URN.")
    title: str
    status: int
    detail: str
    hint: str | None = Field(None, description="What to do; it may name an option of the command of that name.")
    request_id: str
    errors: list[dict[str, str]] | None = Field(None, description="Of a body that does not fit: where and why.")
