"""The GloVe files that Stanford published: names, dimensions, sizes and checksums (Pennington et al. 2014)."""

from collections.abc import Mapping
from dataclasses import dataclass

from sentrec.errors import GloveError, did_you_mean

DEFAULT_NAME = "6B"
"""Wikipedia 2014 and Gigaword 5, the vectors that the built-in recipes use."""


@dataclass(frozen=True)
class Publication:
    """One published set of vectors: a zip archive with one text file for each number of dimensions.

    `checksums` holds the published md5 of each text file by its dimensions, None where none is known.
    """

    name: str
    archive: str
    archive_bytes: int
    words: int
    description: str
    checksums: Mapping[int, str | None]

    @property
    def dims(self) -> tuple[int, ...]:
        """The numbers of dimensions that exist."""
        return tuple(self.checksums)

    def member(self, dim: int) -> str:
        """Name of the text file of `dim` dimensions inside the archive; a `GloveError` if there is none."""
        if dim not in self.checksums:
            published = ", ".join(map(str, self.dims))
            raise GloveError(
                f"GloVe {self.name} has no vectors of {dim} dimensions; it has: {published}.",
                f"sentrec fetch-glove {self.name} --dim {self.dims[0]}",
            )
        return f"glove.{self.name}.{dim}d.txt"

    def stored_bytes(self, dim: int) -> int:
        """About how much disk the vectors of `dim` dimensions take once they are stored."""
        return self.words * (4 * dim + 16)


_MD5_6B = {
    50: "0fac3659c38a4c0e9432fe603de60b12",
    100: "dd7f3ad906768166883176d69cc028de",
    200: "49fa83e4a287c42c6921f296a458eb80",
    300: "b78f53fb56ec1ce9edc367d2e6186ba4",
}
_MD5_TWITTER = {
    25: "f38598c6654cba5e6d0cef9bb833bdb1",
    50: "6e8369db39aa3ea5f7cf06c1f3745b06",
    100: "ccbdddec6b9610196dd2e187635fee63",
    200: None,
}
_MD5_42B, _MD5_840B = {300: "01fcdb413b93691a7a26180525a12d6e"}, {300: "eec7d467bccfa914726b51aac484d43a"}
_WIKIPEDIA, _CRAWL = "Wikipedia 2014 + Gigaword 5, lower case", "Common Crawl, upper and lower case"
_SETS = (
    Publication("6B", "glove.6B.zip", 862_182_613, 400_000, _WIKIPEDIA, _MD5_6B),
    Publication("42B", "glove.42B.300d.zip", 1_877_800_501, 1_917_494, "Common Crawl, lower case", _MD5_42B),
    Publication("840B", "glove.840B.300d.zip", 2_176_768_927, 2_196_017, _CRAWL, _MD5_840B),
    Publication(
        "twitter.27B", "glove.twitter.27B.zip", 1_520_408_563, 1_193_514, "2 billion tweets, lower case", _MD5_TWITTER
    ),
)
PUBLICATIONS: Mapping[str, Publication] = {one.name: one for one in _SETS}
"""The published sets by name."""


def publication(name: str) -> Publication:
    """The published set called `name`; a `GloveError` if there is none."""
    if name not in PUBLICATIONS:
        raise GloveError(
            f"'{name}' is not a published set of GloVe vectors.",
            f"{did_you_mean(name, PUBLICATIONS)}\n"
            f"For vectors of your own: sentrec fetch-glove --name {name} --dim N --from-file FILE",
        )
    return PUBLICATIONS[name]
