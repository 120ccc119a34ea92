"""Vectors of texts and images, each computed or paid for once; a vector is float16 of length one, little-endian."""

from collections.abc import Mapping, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_KNOWN = text("SELECT digest FROM embedding WHERE model = :model AND digest = ANY(CAST(:digests AS bytea[]))")
_READ = text("SELECT digest, vector FROM embedding WHERE model = :model AND digest = ANY(CAST(:digests AS bytea[]))")
_STORE = text(
    """
    INSERT INTO embedding (model, digest, vector)
    SELECT :model, digest, vector
    FROM unnest(CAST(:digests AS bytea[]), CAST(:vectors AS bytea[])) AS made (digest, vector)
    ORDER BY digest
    ON CONFLICT DO NOTHING
    """
)


async def list_known_digests(session: AsyncSession, model: str, digests: Sequence[bytes]) -> set[bytes]:
    """Those of the digests that have a vector."""
    return set((await session.execute(_KNOWN, {"model": model, "digests": list(digests)})).scalars())


async def read_vectors(session: AsyncSession, model: str, digests: Sequence[bytes]) -> dict[bytes, bytes]:
    """The vectors there are, by digest."""
    return dict((await session.execute(_READ, {"model": model, "digests": list(digests)})).all())


async def store_vectors(session: AsyncSession, model: str, vectors: Mapping[bytes, bytes]) -> None:
    """Keep vectors by digest; one that is there already stays."""
    digests = list(vectors)
    parameters = {"model": model, "digests": digests, "vectors": [vectors[digest] for digest in digests]}
    await session.execute(_STORE, parameters)
