"""Which column of a file is what: one vocabulary of names for every command, and the shapes of known exports."""

import difflib
import re
import shlex
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sentrec.errors import DataError, listed

_NAMES = {
    "movie": "movie movie_title movie_name film film_title film_name movie_id film_id hotel hotel_name property "
    "property_name restaurant restaurant_name app app_name app_id product product_name product_title product_handle "
    "product_id asin game game_title game_name book book_title book_name book_id place place_name course "
    "course_name course_id drug drug_name airline airline_name business business_name business_id company "
    "company_name firm brand brand_name store store_name shop shop_name branch branch_name listing listing_name "
    "listing_id webshop_name item item_name item_title item_id imdb_id nombre_del_hotel hotelname établissement "
    "película livre livro libro produkt produktname produit producto produto prodotto albergo restaurante "
    "ristorante sheet name title titel titre título titolo",
    "text": "text review reviews review_text reviews_text review_body review_content review_comment content body "
    "comment comments verified_reviews translated_review full_review user_review guest_review customer_review "
    "user_comment review_comments sentence tweet message feedback customer_feedback opinion description remark "
    "remarks bewertungstext kommentar kundenbewertung rezension meinung commentaire avis reseña comentario "
    "comentarios texto recensione recensie opinião bewertung",
    "label": "label labels sentiment sentiment_label review_sentiment review_label polarity airline_sentiment class "
    "category target recommended voted_up is_positive is_response liked recommend recommends "
    "recommended_ind would_you_recommend",
    "rating": "rating ratings star_rating stars star stars_given review_rating reviews_rating review_score "
    "review_stars reviewer_score user_rating user_score guest_rating customer_rating my_rating score rate overall "
    "overall_rating overall_score overall_satisfaction points userscore note grade sterne punkte puntuación "
    "calificación valoración nota voto cijfer bewertung",
    "id": "id review_id",
    "date": "date review_date reviews_date time timestamp created_at at datum fecha",
    "user": "user user_id user_name username reviews_username reviewer reviewer_id reviewer_name author author_id "
    "profile_name customer customer_id customer_name guest guest_name critic critic_name player",
}
"""The names that people give a column, the likeliest first; case, accents, spaces and punctuation do not count, nor
what stands in brackets: ``Stars (1-5)``."""
KEY_NAMES = ("movie_id", "movieId", "movie", "id", "imdb_id", "item")
"""The names of the column by which tables of items are joined."""


EXPORTS: tuple[tuple[tuple[str, ...], Mapping[str, str]], ...] = (
    # Letterboxd
    (("Letterboxd URI", "Review"), {"movie": "Name", "text": "Review", "rating": "Rating"}),
    # Amazon reviews: 2023, 2018, TSV, Alexa
    (("parent_asin", "text"), {"movie": "parent_asin", "text": "text"}),
    (("reviewText", "overall"), {"movie": "asin", "text": "reviewText"}),
    (("review_headline", "review_body"), {"movie": "product_title"}),
    (("variation", "verified_reviews"), {"movie": "variation", "label": "feedback"}),
    # Google Play Store
    (("reviewId", "thumbsUpCount"), {"text": "content", "date": "at"}),
    # Apple's App Store: the title is the review's
    (("isEdited", "review"), {"movie": ""}),
    (("im:rating", "content"), {"movie": "", "text": "content", "rating": "im:rating"}),
    # Steam
    (("app_name", "review_votes"), {"movie": "app_name", "label": "review_score", "rating": ""}),
    (("recommendationid", "voted_up"), {"id": "recommendationid"}),
    # Datafiniti: the id is the product's
    (("name", "reviews.text"), {"movie": "name", "text": "reviews.text", "id": "", "user": "reviews.username"}),
    # Goodreads: the author is the book's
    (("Book Id", "My Review"), {"movie": "Title", "text": "My Review", "rating": "My Rating", "user": ""}),
    (("book_id", "review_text", "read_at"), {"movie": "book_id"}),
    # Rotten Tomatoes critics
    (("rotten_tomatoes_link", "review_content"), {"movie": "rotten_tomatoes_link", "label": "review_type"}),
    (
        ("scoreSentiment", "reviewText", "id"),
        {"movie": "id", "id": "reviewId", "rating": "originalScore", "label": "scoreSentiment", "user": "criticName"},
    ),
    # HotelRec, of TripAdvisor: the title is the review's
    (("hotel_url", "property_dict"), {"movie": "hotel_url"}),
    # Booking.com
    (("Positive_Review", "Negative_Review"), {"text": "Negative_Review+Positive_Review"}),
    # Women's clothing: the title is the review's
    (("Clothing ID", "Review Text"), {"movie": "Clothing ID"}),
    # Google's business profile: names are those of the reviews
    (("starRating", "reviewer", "comment"), {"movie": "", "text": "comment", "rating": "starRating", "id": "reviewId"}),
    # Glassdoor
    (("pros", "cons"), {"text": "pros+cons"}),
    # Flipkart: the column Review is a heading
    (("product_price", "Rate", "Summary"), {"text": "Summary"}),
)
"""Known exports of programs and sites: columns that tell one, and what their names alone would not say (``""``: it has
no such column)."""


UNRATED = (("Book Id", "My Rating"), ("book_id", "review_text", "read_at"))
"""Columns by which exports are known, Goodreads', that write 0 for no rating."""


@lru_cache(maxsize=4096)
def folded(name: str) -> str:
    """A column's name as it is compared: ``Review Text``, ``review_text`` and ``reviewText`` are one."""
    return "".join(mark for mark in unicodedata.normalize("NFKD", name.casefold()) if mark.isalnum())


_FOLDED = {role: tuple(map(folded, names.split())) for role, names in _NAMES.items()}
_KNOWN = frozenset(name for names in _FOLDED.values() for name in names) | {
    folded(name) for has, roles in EXPORTS for name in (*has, *"+".join(roles.values()).split("+")) if name
}


def is_known(name: str) -> bool:
    """Whether a cell is a usual name of a column."""
    return folded(name) in _KNOWN


@lru_cache(maxsize=1024)
def zero_is_unrated(there: tuple[str, ...]) -> bool:
    """Whether a table with these columns writes 0 for no rating."""
    names = set(map(folded, there))
    return any(names >= set(map(folded, columns)) for columns in UNRATED)


_WEAK_LABELS = {"category", "liked", "recommend", "recommends", "recommendedind", "wouldyourecommend"}
_MOST_COMPARED = 300
_BRACKETS = re.compile(r"\(.*?\)|\[.*?\]|[\s_]*(out[\s_]of|[\s_](of|sur|von|de)|/)[\s_]*\d.*")
Given = str | tuple[str, ...] | None


@dataclass(frozen=True)
class FieldNames:
    """Which column is what; None: the first of the usual names that a row has (see `sentrec.data.columns`)."""

    movie: Given = None  # what a review is about
    text: Given = None  # the review; several columns, separated by commas, are joined
    id: Given = None  # the review's own name
    rating: Given = None  # stars
    date: Given = None  # when it was written
    user: Given = None  # who wrote it
    label: Given = None  # its class

    def find(self, role: str, there: Collection[str]) -> tuple[str, ...]:
        """The columns that are `role` in a row or table that has the columns `there`; empty where it has none."""
        return self.roles(tuple(there)).get(role, ())

    @lru_cache(maxsize=1024)  # noqa: B019 - few, small and frozen
    def roles(self, there: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
        """The columns of every role that a row or table with the columns `there` has."""
        by_name: dict[str, str] = {}
        for name in there:
            by_name.setdefault(folded(name), name)
        for name in there:
            by_name.setdefault(folded(_BRACKETS.sub("", name)), name)
        export = next((roles for has, roles in EXPORTS if all(folded(name) in by_name for name in has)), {})
        found: dict[str, tuple[str, ...]] = {}
        for role, usual in _FOLDED.items():
            given = getattr(self, role)
            if given is not None:
                columns = _given(given, there, by_name)
            elif role in export:
                columns = tuple(
                    by_name[folded(name)] for name in export[role].split("+") if folded(name) in by_name and name
                )
            else:
                columns = tuple(by_name[name] for name in usual if name in by_name)[:1]
            if columns:
                found[role] = columns
        if self.rating is None and found.get("rating") == found.get("text"):
            found.pop("rating", None)
        if self.label is None and "rating" in found and set(map(folded, found.get("label", ()))) & _WEAK_LABELS:
            del found["label"]  # beside stars a category is the product's, and stars say more than a recommendation
        return found

    def select(self, there: Sequence[str]) -> Collection[str]:
        """The columns that play any role."""
        return {name for columns in self.roles(tuple(there)).values() for name in columns}

    def missing(
        self,
        roles: Sequence[str],
        source: str,
        who: str,
        there: Iterable[str],
        options: Mapping[str, str] | None = None,
    ) -> DataError:
        """The error for columns of `source` that are not there, with a hint that names some that are.

        `who` has the columns `there`, e.g. ``its header has``; `options` is how each role is named, by default by the
        options of a command, such as ``--text-field NAME``.
        """
        names = [str(name) for name in there]
        whats, hints = [], []
        for role in roles:
            given = getattr(self, role)
            wanted = ",".join(given) if isinstance(given, tuple) else given
            whats.append(f"'{wanted}'" if given is not None else f"for {_CALLED[role]}")
            option = (options or {}).get(role, f"--{role}-field {{}}")
            near = _nearest(wanted, role, names)
            named = "Did you mean {}?" if near else "Name the column: {}" + "." * (len(roles) > 1)
            hints.append(named.format(option.format(shlex.quote(near) if near else "NAME")))
            if role == "movie" and given is None and options is None:
                end = "" if hints[-1][-1] in "?." else "."
                hints[-1] += f"{end} Without one, `sentrec predict {shlex.quote(source)}` scores every row."
        columns = f"{source} has no column {' and none '.join(whats)}"
        if names and names == [str(place) for place in range(1, len(names) + 1)]:
            hints.insert(0, "The file has no header: its columns are called by their numbers.")
        return DataError(f"{columns}; {who}: {listed(names, 30) or 'no column at all'}.", " ".join(hints))

    def describe(self, source: str, there: Sequence[str], roles: Iterable[str]) -> str | None:
        """A sentence on what was found where a column is not called what it is; None where all are."""
        found = {role: self.find(role, there) for role in roles if getattr(self, role) is None}
        if all(not columns or columns == (role,) for role, columns in found.items()):
            return None
        pairs = (f"{_CALLED[role]} = {' + '.join(columns)}" for role, columns in found.items() if columns)
        return f"{source}: {', '.join(pairs)}."


_CALLED = {role: f"the {role}" for role in _NAMES} | {"movie": "the item"}

RECIPE_OPTIONS = {
    "text": "--text-field {} (in a recipe data.text_columns)",
    "label": "--label-field {} (in a recipe data.label_column)",
    "rating": "--set data.rating_column={}, or learn from labels alone: --set data.rating_column=null "
    "--set objective.ratings=0",
}
"""How a recipe names each column."""


def require_single(columns: Iterable[str], header: Sequence[str] | None, source: str) -> None:
    """Raises a `DataError` if one of the chosen columns is there twice."""
    for name in columns:
        if header is not None and (count := list(header).count(name)) > 1:
            raise DataError(f"{source} has {count} columns '{name}'.", "Rename one of them, or name another column.")


def _given(given: str | tuple[str, ...], there: Sequence[str], by_name: Mapping[str, str]) -> tuple[str, ...]:
    whole = [given] if isinstance(given, str) else given
    split = ",".join(whole).split(",")
    for parts in (whole, [part.strip() for part in split]):
        columns = [part if part in there else by_name.get(folded(part) or "\0") for part in parts]
        if all(columns):
            return tuple(column for column in columns if column)
    return ()


def _nearest(given: str | None, role: str, there: Sequence[str]) -> str | None:
    """The column whose name is most like one that was looked for; None where none is like it."""
    by_folded = {folded(_BRACKETS.sub("", name)): name for name in there[:_MOST_COMPARED]}
    # What a user typed may be mistyped; the usual names can only be written in another way.
    usual = _FOLDED[role] + (_FOLDED["rating"] if role == "label" else ())  # stars are labels, too
    wanted, cutoff = (usual, 0.85) if given is None else ((folded(given),), 0.6)
    near = [found[0] for name in wanted if (found := difflib.get_close_matches(name, by_folded, n=1, cutoff=cutoff))]
    if given is None:  # a usual name as the last word of a longer one
        telling = [one for one in wanted if len(one) > 3 and one not in ("name", "title")]
        near += [name for one in telling for name in by_folded if name.endswith(one) and not is_known(name)]
        words = {name: re.findall(r"\w+", column.casefold()) for name, column in by_folded.items()}
        near += [
            name for one in telling for name, there in words.items() if len(there) > 2 and {one, f"{one}s"} & {*there}
        ]
    return by_folded[near[0]] if near else None
