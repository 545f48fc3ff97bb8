import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from biasgan.codecs.codec import Codec, CodecError
from biasgan.codecs.quality import draw_quality, read_qualities
from biasgan.data.digests import read_source
from biasgan.data.sets import ImageSet
from biasgan.data.store import DamageError, PairStore, StoredEntry, sha256, sha256_of_file
from biasgan.data.stored import Inspection, Sources, StoredPairs
from biasgan.images import read_image


class CodedPairs(StoredPairs[Path]):
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
        self.images = images
        self.codec = codec
        self.quality = quality
        self.qualities = read_qualities(quality, codec)
        identity = codec.identity
        self.codec_folder = f"{codec.name}-{sha256(json.dumps(identity, sort_keys=True).encode())[:8]}"
        self.stores = {
            each: PairStore(self.root, f"{self.codec_folder}/{each}", identity, each, codec.extension)
            for each in self.qualities
        }

    @property
    def title(self) -> str:
        """Codec and quality."""
        return f"{self.codec.name} {self.quality}"

    @property
    def folder(self) -> Path:
        """That of the quality; of the codec if there are several."""
        return self.root / self.codec_folder / (str(self.qualities[0]) if len(self.qualities) == 1 else "")

    @property
    def identity(self) -> dict[str, str | int]:
        """The codec's."""
        return self.codec.identity

    def sources(self) -> Sources[Path]:
        """The image files."""
        return Sources(self.images.train, self.images.valid)

    @property
    def division(self) -> tuple[str, Sequence[str]]:
        """That of the images."""
        return self.images.rule, self.images.left_out

    def place(self, source: Path) -> str:
        """As the images say."""
        return self.images.places.get(source, "")

    def find(self, source: Path) -> StoredEntry | None:
        """The pair of an image; none also if the file has moved or changed, since it must be read first."""
        digest = self.digests.find(source)
        return self.store(digest).find(digest, source.name) if digest else None

    def make(self, source: Path) -> StoredEntry:
        """Compress an image."""
        data, digest = self.digests.read(source)
        store = self.store(digest)
        entry = store.whole(digest, source.name)
        if entry:
            return entry
        original = read_image(source, data)
        coded = self.codec.encode(original, draw_quality(self.qualities, digest))
        if coded.image.shape != original.shape:
            raise CodecError(f"{self.codec.name} turned {original.shape} into {coded.image.shape}.")
        return store.put(digest, source.name, digest, original, coded.image, coded.data)

    def inspect(self, source: Path) -> Inspection:
        """Compare every byte of a pair with its hash, and its pixels with what the bitstream decodes to."""
        _, digest = read_source(source)
        try:
            entry = self.store(digest).recorded(digest, source.name)
        except DamageError as error:
            return Inspection([f"{source}: {error}"], None)
        if not entry:
            return Inspection([f"{source} has no pair yet."], None)
        problems = entry.damage()
        if not problems and entry.bitstream:
            try:
                if not np.array_equal(self.codec.decode(entry.bitstream.read_bytes()), np.load(entry.compressed)):
                    problems = [f"{entry.bitstream} decodes to other pixels than those of {entry.compressed}."]
            except CodecError as error:
                problems = [f"{entry.bitstream}: {error}"]
        return Inspection([f"{source}: {problem}" for problem in problems], sha256_of_file(entry.original))

    def store(self, digest: str) -> PairStore:
        """Where the pair of the image with this hash is."""
        return self.stores[draw_quality(self.qualities, digest)]
