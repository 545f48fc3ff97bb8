from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from biasgan.codecs.codec import Codec, CodecError
from biasgan.codecs.quality import draw_quality, read_qualities
from biasgan.data.pairs.digests import read_source
from biasgan.data.pairs.store import PairStore
from biasgan.data.pairs.stored import Inspection, Made, Source, StoredPairs
from biasgan.data.sets import ImageSet
from biasgan.io.checksums import sha256_of_file, sha256_of_json
from biasgan.io.images import read_image


class CodedPairs(StoredPairs):
    """Pairs that a codec makes of images: each is compressed once, whole.

    They are kept in `<codec>-<hash of its identity>/<quality>`.

    Args:
        images: Files to train and to validate with.
        codec: Compresses them; None is refused.
        quality: Within the codec's range: of all images, or `LOW-HIGH`. Then each image has one of these, which
            depends on its file alone.
        store: Folder in which pairs are kept for good; `~` is the home folder.
        workers: Processor cores that compress.
        bad_images: What to do about files that are unreadable or too small to train with: `stop` names them all in an
            error, `skip` names them and goes on without.

    Raises:
        ValueError: If an option is out of its range.

    Examples:
        >>> from pathlib import Path
        >>> from biasgan import JPEG, CodedPairs, ImageSet
        >>> images = ImageSet(train=sorted(Path("train").glob("*.png")), valid=sorted(Path("valid").glob("*.png")))
        >>> pairs = CodedPairs(images, JPEG(), 20, store="~/.cache/biasgan")
    """

    def __init__(
        self,
        images: ImageSet,
        codec: Codec | None,
        quality: int | str,
        store: str | Path,
        workers: int = 2,
        bad_images: Literal["stop", "skip"] = "stop",
    ) -> None:
        super().__init__(store, workers, bad_images)
        if codec is None:
            raise ValueError("codec=none is for data=pairs, whose images were compressed already; choose a codec.")
        identity = codec.identity
        self.codec = codec
        self.qualities = read_qualities(quality, codec)
        self.title = f"{codec.name} {quality}"
        name = f"{codec.name}-{sha256_of_json(identity)[:8]}"
        self.folder = self.root / name / (str(self.qualities[0]) if len(self.qualities) == 1 else "")
        self.stores = {
            each: PairStore(self.root, f"{name}/{each}", identity, each, codec.extension) for each in self.qualities
        }
        train, valid = (
            [Source(str(file), images.places.get(file, ""), (file,)) for file in side]
            for side in (images.train, images.valid)
        )
        self.sources = train, valid
        self.rule, self.left_out = images.rule, images.left_out

    @property
    def identity(self) -> dict[str, str | int]:
        """Codec, its library, its versions and parameters."""
        return self.codec.identity

    def store(self, key: str) -> PairStore:
        """That of the quality which the image gets."""
        return self.stores[draw_quality(self.qualities, key)]

    def encode(self, source: Source, contents: Sequence[bytes], key: str) -> Made:
        """Compress an image.

        Raises:
            CodecError: If the codec does not take it, or gives another size.
            ImageError: If it cannot be read.
        """
        original = read_image(source.files[0], contents[0])
        coded = self.codec.encode(original, draw_quality(self.qualities, key))
        if coded.image.shape != original.shape:
            raise CodecError(f"{self.codec.name} turned {original.shape} into {coded.image.shape}.")
        return Made(original, coded.image, coded.data)

    def inspect(self, source: Source) -> Inspection:
        """Compare every byte of a pair with its hash, and its pixels with what the bitstream decodes to."""
        _, digest = read_source(source.files[0])
        entry, problems = self.kept(source, [digest])
        if not entry:
            return Inspection([f"{source}: {problem}" for problem in problems] or [f"{source} has no pair yet."], None)
        if not problems and entry.bitstream:
            try:
                if not np.array_equal(self.codec.decode(entry.bitstream.read_bytes()), np.load(entry.compressed)):
                    problems = [f"{entry.bitstream} decodes to other pixels than those of {entry.compressed}."]
            except CodecError as error:
                problems = [f"{entry.bitstream}: {error}"]
        picture = sha256_of_file(entry.original) if entry.original.exists() else None
        return Inspection([f"{source}: {problem}" for problem in problems], picture)
