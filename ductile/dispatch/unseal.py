"""Opens the sealed texts of the database."""

from msgspec.structs import replace

from ductile.dispatch.errors import SealedByAnotherKey
from ductile.document.vault import Unsealable, Vault, is_sealed
from ductile.model.job import ClaimedJob


def unseal(vault: Vault, text: bytes, what: str) -> bytes:
    """Open a text that may be sealed. Raises SealedByAnotherKey."""
    try:
        return vault.open(text)
    except Unsealable:
        raise SealedByAnotherKey(what=what) from None


def unseal_claim(claimed_job: ClaimedJob, vault: Vault) -> ClaimedJob:
    """Open the payload and baggage of a claimed job. Raises SealedByAnotherKey."""
    event = claimed_job.event
    if not is_sealed(event.payload) and not is_sealed(claimed_job.context):
        return claimed_job
    payload = unseal(vault, event.payload, "payload of this job")
    context = unseal(vault, claimed_job.context, "baggage of this run")
    return replace(claimed_job, event=replace(event, payload=payload), context=context)
